// A connection as a Promise, its bytes as an async iterable.
//   npx tsx examples/open.ts
import { open } from 'rxjs-io-stream';
import { serve } from './support/started.ts';

const { port, stop } = await serve((io) => io.send(io));

const io = await open({ host: '127.0.0.1', port });
io.end('hello');
for await (const bytes of io) console.log(bytes.toString());
await io[Symbol.asyncDispose](); // or `await using io = …`, where your tools know it

stop();
