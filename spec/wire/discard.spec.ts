import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PassThrough, Readable, type Duplex } from 'node:stream';
import { describe, expect } from 'vitest';
import { discard } from '../../src/wire/discard.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { served } from '../support/loopback.ts';

/** How the peer of a socket is told of its end, when it reads only after that. */
async function told(h: Harness, end: (socket: Socket) => void): Promise<string> {
  let peer: Socket | undefined;
  const to = await served(h, (accepted) => (peer = accepted.pause()));
  const socket = connect(to as { host: string; port: number });
  await once(socket, 'connect');
  await h.until(() => peer !== undefined, 'it is accepted');
  end(socket);
  await closed(socket);
  return new Promise((tell) => {
    const codeOf = (error?: NodeJS.ErrnoException | null): void => tell(error?.code ?? 'FIN');
    // An EOF may be a reset, too: writing nothing tells.
    peer?.on('error', codeOf).on('end', () => peer?.write('', codeOf));
    peer?.resume();
  });
}

/** Unlike `once` of Node it hears no errors. */
function closed(stream: Duplex | Readable): Promise<void> {
  return new Promise((tell) => stream.once('close', tell));
}

describe('discard', () => {
  spec('closes a socket by FIN', async (h) => {
    expect(await told(h, discard)).toBe('FIN');
  });

  spec('closes one by RST when bytes have not left: a FIN would say that they have', async (h) => {
    const end = (socket: Socket): void => {
      socket.write(Buffer.alloc(64 * 1024 * 1024));
      discard(socket);
    };
    expect(await told(h, end)).toBe('ECONNRESET');
  });

  spec('swallows what a stream still reports, and leaves no listener', async () => {
    const stream = new Readable({ read() {}, destroy: (_, done) => setImmediate(done, new Error('late')) });
    discard(stream);
    await closed(stream);
    expect([stream.destroyed, stream.listenerCount('error'), stream.listenerCount('close')]).toStrictEqual([true, 0, 0]);
    const failed = new PassThrough().destroy(new Error('on its way'));
    discard(failed);
    await closed(failed);
    expect(failed.listenerCount('error')).toBe(0);
  });

  spec('leaves one that is closed alone', async () => {
    const stream = new PassThrough().destroy();
    await closed(stream);
    discard(stream);
    expect(stream.listenerCount('error')).toBe(0);
  });

  spec('ends a socket that still connects', async (h) => {
    const socket = connect((await served(h, () => {})) as { host: string; port: number });
    socket.write('x');
    discard(socket);
    await closed(socket);
    expect(socket.destroyed).toBe(true);
  });
});
