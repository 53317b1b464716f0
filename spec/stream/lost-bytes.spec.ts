import { Observable } from 'rxjs';
import { IOStream, type IOStreamError, type Wire } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { closedReport, connectedToPeer, resetAtEnd, ticks } from './tools.ts';

function detach({ buffer }: Uint8Array): void {
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
}

const LOST = { code: 'EFAULT', phase: 'write', fatal: true };
const MESSAGE = 'bytes were lost: do not transfer or resize their buffer before they are sent [EFAULT]';

describe('a buffer that is detached before its bytes are written', () => {
  spec('fails the stream with EFAULT, and is not followed by later bytes', async (h) => {
    const { io, socket } = await connectedToPeer(h);
    const received: Buffer[] = [];
    const ended = new Promise<void>((resolve) => {
      for (const event of ['end', 'error']) socket.on(event, () => resolve());
      socket.on('data', (bytes) => received.push(bytes));
    });
    const errors: IOStreamError[] = [];
    io.errors$.subscribe((error) => errors.push(error));
    const bytes = new Uint8Array(8);
    io.write('before');
    io.write(bytes);
    io.write('after');
    detach(bytes);
    const { by, error, unsent } = await closedReport(io);
    expect(by).toBe('error');
    h.error(error, LOST);
    expect((error as Error).message).toBe(MESSAGE);
    expect(errors).toStrictEqual([error]);
    expect(unsent >= 13, `${unsent} bytes`).toBe(true);
    await ended;
    expect(['', 'before'].includes(Buffer.concat(received).toString())).toBe(true);
  });

  spec('fails the stream even if isFatal returns false', async (h) => {
    const { io } = await connectedToPeer(h, { isFatal: () => false });
    const bytes = new Uint8Array(8);
    io.write(bytes);
    detach(bytes);
    h.error((await closedReport(io)).error, LOST);
  });

  for (const [name, finish] of [
    ['end()', (io: IOStream) => io.end()],
    ['close()', (io: IOStream) => io.close()],
  ] as const) {
    spec(`passes an error instead of the end to the wire after ${name}`, async (h) => {
      const reached: string[] = [];
      const wire: Wire = () => (flow$) =>
        new Observable((up) => {
          up.add(
            flow$.subscribe({
              next: ({ kind }) => reached.push(kind),
              error: (reason: unknown) => reached.push((reason as IOStreamError).code),
              complete: () => reached.push('complete'),
            }),
          );
          up.next({ kind: 'connected', details: [{}] });
        });
      const [io] = resetAtEnd(h, new IOStream({ wire }));
      const bytes = new Uint8Array(8);
      const closed = closedReport(io);
      io.write('before');
      await ticks();
      io.write(bytes);
      detach(bytes);
      finish(io);
      h.error((await closed).error, LOST);
      expect(reached).toStrictEqual(['data', 'EFAULT']);
    });
  }

  spec('fails a send that waits for the bytes to be sent', async (h) => {
    const other = await connectedToPeer(h);
    const more = new Uint8Array(8);
    other.io.write(more);
    const waiting = h.observed(other.io.send(['x']));
    detach(more);
    h.error((await waiting.ended).error, LOST);
  });

  spec('fails the stream if it is outBuf', async (h) => {
    for (const outPos of [undefined, 2]) {
      const { io } = await connectedToPeer(h, { outPos });
      const bytes = Buffer.from(new ArrayBuffer(8));
      io.outBuf = bytes;
      io.write();
      detach(bytes);
      h.error((await closedReport(io)).error, LOST);
    }
  });
});
