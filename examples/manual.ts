// The synopsis of the manual: a request with the events of the stream.
//   npx tsx examples/manual.ts
import { EOF, IOStream, SENT } from 'rxjs-io-stream';
import { take, tap } from 'rxjs';
import { serve } from './support/started.ts';

const { port, stop } = await serve((io) =>
  io.data$.pipe(
    take(1),
    tap(() => io.write('HTTP/1.0 200 OK\r\n\r\nhello\n')),
  ),
);

const io = new IOStream({
  host: '127.0.0.1',
  port,
  waitFor: SENT | EOF,
  inBufLimit: 102_400,
  outBuf: 'GET / HTTP/1.0\r\n\r\n',
  cb(io, mask, error) {
    if (error) console.error(error.message);
    if (mask & SENT) console.log('request sent, waiting for reply…');
    if (mask & EOF) console.log(`server reply:\n${io.inBuf.toString()}`);
    if (error || mask & EOF) io.close(); // ALL DONE
  },
});
io.closed$.subscribe(stop);
