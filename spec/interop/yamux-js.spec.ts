import type { Duplex } from 'node:stream';
import { describe } from 'vitest';
import { IOStream } from 'rxjs-io-stream';
import { pattern } from '../../src/testing/bytes.ts';
import { spec } from '../support/spec.ts';
import { muxAndSocket, yamuxJs } from './yamux-peers.ts';

// yamux-js 0.2 ignores FIN and RST: its streams never end, so these specs count bytes.

/** Resolves with the first bytes of a Duplex. */
function readExactly(stream: Duplex, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let count = 0;
  return new Promise((resolve) => {
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      count += chunk.length;
      if (count >= length) resolve(Buffer.concat(chunks));
    });
  });
}

describe('a mux with yamux-js', () => {
  spec('dials streams as the client, and echoes more than a window on each', async (h) => {
    const { link, socket } = await muxAndSocket(h, { role: 'client' });
    yamuxJs(h, socket, 'server', (stream) => void stream.pipe(stream));
    const sent = [pattern(400_000, 1), pattern(400_001, 2)];
    for (const bytes of sent) {
      const io = new IOStream({ wire: link.wire() });
      io.closed$.subscribe();
      const seen = h.observed(io.data$);
      io.write(bytes);
      await h.until(() => io.inBytes === bytes.length, 'all bytes are echoed');
      h.sameBytes(seen.values, bytes);
      io.reset();
    }
  });

  spec('accepts streams as the server, and echoes more than a window', async (h) => {
    const { link, socket } = await muxAndSocket(h, { role: 'server' });
    link.connections$.subscribe((io) => void io.send(io).subscribe({ error: () => undefined }));
    const stream = yamuxJs(h, socket, 'client').open() as unknown as Duplex;
    const sent = pattern(400_000);
    const received = readExactly(stream, sent.length);
    stream.write(sent);
    h.sameBytes(await received, sent);
  });
});
