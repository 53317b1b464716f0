// Your own plugin that transforms bytes: a toy cipher, used by both peers.
//   npx tsx examples/own-cipher.ts
import { listen, mapBytes, open, type Plugin } from 'rxjs-io-stream';
import { started } from './support/started.ts';

/** Creates the mixer of one direction of one connection: it counts the bytes it has seen. */
const mixer = (): ((bytes: Uint8Array) => Uint8Array) => {
  let position = 0;
  return (bytes) => {
    const mixed = bytes.map((byte, at) => byte ^ ((position + at) * 31 + 7));
    position += bytes.length;
    return mixed;
  };
};

/** A toy cipher: each byte is mixed with its position. State is made per connection and direction. */
const veil: Plugin = (wire) => (dial) => (flow$) => flow$.pipe(mapBytes(mixer), wire(dial), mapBytes(mixer));

const { port, stop } = await started(listen({ host: '127.0.0.1', port: 0, plugin: { veil } }, (io) => io.send(io)));

const io = await open({ host: '127.0.0.1', port, plugin: { veil } });
io.end('hello');
for await (const bytes of io) console.log(bytes.toString());

io.close();
stop();
