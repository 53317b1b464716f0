import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PassThrough, Readable, type Duplex } from 'node:stream';
import { describe, expect } from 'vitest';
import { discard } from '../../src/wire/discard.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { served } from '../support/loopback.ts';

/** Ends a socket, and returns what its peer reads afterwards: a FIN or an error code. */
async function endSeenByPeer(h: Harness, end: (socket: Socket) => void): Promise<string> {
  let peer: Socket | undefined;
  const to = await served(h, (accepted) => (peer = accepted.pause()));
  const socket = connect(to as { host: string; port: number });
  await once(socket, 'connect');
  await h.until(() => peer !== undefined, 'it is accepted');
  end(socket);
  await closed(socket);
  return new Promise((resolve) => {
    const codeOf = (error?: NodeJS.ErrnoException | null): void => resolve(error?.code ?? 'FIN');
    // An EOF may be a reset, too: a zero-length write surfaces it.
    peer?.on('error', codeOf).on('end', () => peer?.write('', codeOf));
    peer?.resume();
  });
}

/** Resolves on 'close'. Unlike `once` of Node, it does not reject on 'error'. */
function closed(stream: Duplex | Readable): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}

describe('discard', () => {
  spec('closes a socket with a FIN', async (h) => {
    expect(await endSeenByPeer(h, discard)).toBe('FIN');
  });

  spec('closes a socket with a RST when bytes are unsent: a FIN would make truncated data look complete', async (h) => {
    const end = (socket: Socket): void => {
      socket.write(Buffer.alloc(64 * 1024 * 1024));
      discard(socket);
    };
    expect(await endSeenByPeer(h, end)).toBe('ECONNRESET');
  });

  spec('ignores later errors of the stream, and leaves no listener', async () => {
    const stream = new Readable({ read() {}, destroy: (_, done) => setImmediate(done, new Error('late')) });
    discard(stream);
    await closed(stream);
    expect([stream.destroyed, stream.listenerCount('error'), stream.listenerCount('close')]).toStrictEqual([true, 0, 0]);
    const failed = new PassThrough().destroy(new Error('on its way'));
    discard(failed);
    await closed(failed);
    expect(failed.listenerCount('error')).toBe(0);
  });

  spec('does not touch a stream that has closed', async () => {
    const stream = new PassThrough().destroy();
    await closed(stream);
    discard(stream);
    expect(stream.listenerCount('error')).toBe(0);
  });

  spec('destroys a socket that still connects', async (h) => {
    const socket = connect((await served(h, () => {})) as { host: string; port: number });
    socket.write('x');
    discard(socket);
    await closed(socket);
    expect(socket.destroyed).toBe(true);
  });
});
