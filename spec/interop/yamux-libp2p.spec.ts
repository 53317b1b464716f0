import { describe, expect } from 'vitest';
import { firstValueFrom } from 'rxjs';
import { IOStream } from 'rxjs-io-stream';
import { pattern } from '../../src/testing/bytes.ts';
import { bytesOf } from '../mux/mux-tools.ts';
import { spec } from '../support/spec.ts';
import { collect, libp2p, muxAndSocket, type Libp2pStream } from './yamux-peers.ts';

const ROLES = [
  ['client', 'server'],
  ['server', 'client'],
] as const;

/** Sends back what it receives, then its end. */
function echo(stream: Libp2pStream): void {
  stream.addEventListener('message', ({ data }) => void stream.send(data.slice()));
  stream.addEventListener('remoteCloseWrite', () => void stream.close().catch(() => undefined));
}

describe('a mux with @chainsafe/libp2p-yamux', () => {
  spec.each(ROLES)('echoes 3 MB on two streams that it dials as the %s', async (h, role, other) => {
    const { link, socket } = await muxAndSocket(h, { role });
    libp2p(socket, other).addEventListener('stream', ({ detail }) => echo(detail));
    const sent = [pattern(3_000_000, 1), pattern(3_000_001, 2)];
    const received = await Promise.all(
      sent.map((bytes) => {
        const io = new IOStream({ wire: link.wire() });
        io.end(bytes);
        return bytesOf(io);
      }),
    );
    for (const [at, bytes] of sent.entries()) h.sameBytes(received[at]!, bytes);
    await h.until(() => link.size === 0);
  });

  spec.each(ROLES)('accepts streams as the %s, and echoes 3 MB', async (h, role, other) => {
    const { link, socket } = await muxAndSocket(h, { role });
    link.connections$.subscribe((io) => void io.send(io).subscribe());
    const muxer = libp2p(socket, other);
    const stream = await muxer.createStream();
    const received = collect(stream);
    const sent = pattern(3_000_000);
    stream.send(sent);
    await stream.close();
    h.sameBytes(await received, sent);
    await h.until(() => link.size === 0);
  });

  spec('passes on half-closes: the answer follows the end of the question', async (h) => {
    const { link, socket } = await muxAndSocket(h, { role: 'client' });
    libp2p(socket, 'server').addEventListener('stream', ({ detail }) => {
      const stream = detail;
      void collect(stream).then((question) => {
        stream.send(Buffer.from(`${question.toString()}, answered`));
        return stream.close();
      });
    });
    const io = new IOStream({ wire: link.wire() });
    io.end('a question');
    expect(String(await bytesOf(io))).toBe('a question, answered');
  });

  spec('passes on resets in both directions', async (h) => {
    const { link, socket } = await muxAndSocket(h, { role: 'client' });
    const streams: Libp2pStream[] = [];
    libp2p(socket, 'server').addEventListener('stream', ({ detail }) => void streams.push(detail));
    const first = new IOStream({ wire: link.wire() });
    const ours = h.watch(first);
    await h.until(() => streams.length === 1);
    streams[0]!.send(Buffer.from('accepted'));
    await h.until(() => first.inBytes > 0);
    streams[0]!.abort(new Error('reset by libp2p'));
    await ours.closed.ended;
    h.error(ours.errors.values[0], { code: 'ECONNRESET' });

    const second = new IOStream({ wire: link.wire() });
    await h.until(() => streams.length === 2);
    second.reset();
    await h.until(() => streams[1]!.status === 'reset');
  });

  spec('stops libp2p at the window while a stream is paused', async (h) => {
    const { link, socket } = await muxAndSocket(h, { role: 'server' });
    const muxer = libp2p(socket, 'client');
    const stream = await muxer.createStream();
    const io = await firstAccepted(link.connections$, () => void stream.send(pattern(1_000_000)));
    io.pause();
    const other = await muxer.createStream();
    const next = await firstAccepted(link.connections$, () => void other.send(Buffer.from('goes on')));
    void other.close();
    expect(String(await bytesOf(next))).toBe('goes on');
    expect(stream.writeBufferLength).toBeGreaterThanOrEqual(1_000_000 - 256 * 1024 - 65_536);
    io.resume();
    void stream.close();
    h.sameBytes(await bytesOf(io), pattern(1_000_000));
  });

  spec('answers its pings, and gets answers to ours', async (h) => {
    const { link, socket } = await muxAndSocket(h, { role: 'client', keepAlive: { interval: 20, timeout: 1000 } });
    const muxer = libp2p(socket, 'server');
    expect(await muxer.ping()).toBeGreaterThanOrEqual(0);
    await new Promise((resolve) => void setTimeout(resolve, 200));
    const io = new IOStream({ wire: link.wire() });
    muxer.addEventListener('stream', ({ detail }) => echo(detail));
    io.end('still there');
    expect(String(await bytesOf(io))).toBe('still there');
  });

  spec('takes the GoAway of libp2p for an end', async (h) => {
    const { link, socket } = await muxAndSocket(h, { role: 'client' });
    const muxer = libp2p(socket, 'server');
    await muxer.close();
    socket.end();
    expect((await firstValueFrom(link.closed$)).by).toBe('peer');
  });
});

/** The next accepted stream, after `cause` has run. */
async function firstAccepted(connections$: Parameters<typeof firstValueFrom<IOStream>>[0], cause: () => void): Promise<IOStream> {
  const next = firstValueFrom(connections$);
  cause();
  return next;
}
