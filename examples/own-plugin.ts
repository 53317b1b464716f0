// Your own plugins: a cipher, and a handshake before the application's bytes.
//   npx tsx examples/own-plugin.ts
import { converse, handshake, listen, mapBytes, open, type Plugin } from 'rxjs-io-stream';
import { concat, defer } from 'rxjs';

/** Makes the mixer of one direction of one connection: it counts the bytes it has seen. */
const mixer = (): ((bytes: Uint8Array) => Uint8Array) => {
  let position = 0;
  return (bytes) => bytes.map((byte) => byte ^ (position++ * 31 + 7));
};

/** A toy cipher: each byte is mixed with its position. State is made per connection and direction. */
const veil: Plugin = (wire) => (dial) => (flow$) => flow$.pipe(mapBytes(mixer), wire(dial), mapBytes(mixer));

/** Asks for a channel before anything else passes. */
const channel = (name: string): Plugin =>
  handshake({
    *talk(link) {
      link.send(`JOIN ${name}\n`);
      const answer = yield* link.readUntil('\n', 256);
      return { answer: Buffer.from(answer).toString().trim() };
    },
  });

// The server uses the same cipher, replies to the handshake by `converse`, and then echoes.
const serving = listen({ host: '127.0.0.1', port: 0, plugin: { veil } }, (io) =>
  concat(
    converse(io, function* (link) {
      const wanted = yield* link.readUntil('\n', 256);
      link.send(`WELCOME TO ${Buffer.from(wanted).toString().slice(5)}`);
    }),
    defer(() => io.send(io)),
  ),
).subscribe((server) => void talk((server.address as { port: number }).port));

async function talk(port: number): Promise<void> {
  const io = await open({ host: '127.0.0.1', port, plugin: { channel: channel('news'), veil } });
  console.log(io.details.channel.answer);
  io.end('hello');
  for await (const bytes of io) console.log(bytes.toString());
  io.close();
  serving.unsubscribe();
}
