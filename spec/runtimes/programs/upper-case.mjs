// Copies standard input to standard output in upper case.
import { lastValueFrom, map } from 'rxjs';
import { open } from 'rxjs-io-stream';

const [input, output] = [await open({ fh: 0 }), await open({ fh: 1 })];
await lastValueFrom(output.send(input.data$.pipe(map((bytes) => bytes.toString().toUpperCase()))));
