// A conversation: each read returns exactly the requested bytes, however they were split into chunks.
//   npx tsx examples/converse.ts
import { converse, open } from 'rxjs-io-stream';
import { firstValueFrom } from 'rxjs';
import { serve } from './support/started.ts';

const { port, stop } = await serve((io) =>
  converse(io, function* (link) {
    link.send('220 mail.test ready\r\n');
    yield* link.readUntil('QUIT\r\n', 512);
    link.send('221 bye\r\n');
  }),
);

const io = await open({ host: '127.0.0.1', port });
const greeting$ = converse(io, function* (link) {
  const greeting = yield* link.readUntil('\r\n', 512);
  link.send('QUIT\r\n');
  const goodbye = yield* link.readUntil('\r\n', 512);
  return [greeting, goodbye].map((line) => Buffer.from(line).toString().trim());
});
console.log(await firstValueFrom(greeting$));

io.close();
stop();
