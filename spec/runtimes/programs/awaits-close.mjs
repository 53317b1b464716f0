// Has nothing open but a connection that it closes: the close that it awaits must keep the process alive.
import { createServer } from 'node:net';
import { firstValueFrom } from 'rxjs';
import { open } from 'rxjs-io-stream';

const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.resume().unref();
  socket.on('end', () => socket.end());
}).listen(0, '127.0.0.1');
server.unref();
await new Promise((resolve) => server.once('listening', resolve));
const io = await open({ host: '127.0.0.1', port: server.address().port });
const closed = firstValueFrom(io.closed$);
io.end('hello');
io.close();
console.log((await closed).bytesOut);
