// Your own plugin that talks before the application does: a handshake, written as a generator.
//   npx tsx examples/own-handshake.ts
import { converse, handshake, open, type Plugin } from 'rxjs-io-stream';
import { concat, defer } from 'rxjs';
import { serve } from './support/started.ts';

/** Asks for a channel before anything else passes. */
const channel = (name: string): Plugin =>
  handshake({
    *talk(link) {
      link.send(`JOIN ${name}\n`);
      const answer = yield* link.readUntil('\n', 256);
      return { answer: Buffer.from(answer).toString().trim() };
    },
  });

// The server replies to the handshake with `converse`, and then echoes.
const { port, stop } = await serve((io) =>
  concat(
    converse(io, function* (link) {
      const wanted = yield* link.readUntil('\n', 256);
      link.send(`WELCOME TO ${Buffer.from(wanted).toString().slice(5)}`);
    }),
    defer(() => io.send(io)),
  ),
);

const io = await open({ host: '127.0.0.1', port, plugin: { channel: channel('news') } });
console.log(io.details.channel.answer);
io.end('hello');
for await (const bytes of io) console.log(bytes.toString());

io.close();
stop();
