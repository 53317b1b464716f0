import { defer, map, NEVER, of, retry, switchMap, tap, timer, type Observable } from 'rxjs';
import { describe, expect } from 'vitest';
import { connect, framed, lines, type IOStream, type IOStreamError } from 'rxjs-io-stream';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { serve, turns } from './tools.ts';

const host = '127.0.0.1';
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const codec = lines({ maxLength: 100 });

/** Readers that emit each line that they have handled. */
const READERS: Record<string, (io: IOStream) => Observable<unknown>> = {
  data$: (io) => io.data$.pipe(map(text)),
  consume: (io) => io.consume((bytes) => of(text(bytes))),
  'consume with a slow handler': (io) => io.consume((bytes) => timer(20).pipe(map(() => text(bytes)))),
  messages$: (io) => framed(io, codec).messages$.pipe(map((line) => `${line}\n`)),
  'consume of messages with a slow handler': (io) => framed(io, codec).consume((line) => timer(20).pipe(map(() => `${line}\n`))),
  iteration: (io) =>
    defer(async function* () {
      for await (const bytes of io) {
        await turns(10);
        yield text(bytes);
      }
    }),
};

/** A peer that writes a line, and resets the connection after it has arrived. */
async function resetting(h: Harness): Promise<number> {
  return serve(h, async (socket) => {
    socket.write('line\n');
    await turns(5);
    socket.resetAndDestroy();
  });
}

describe('connect', () => {
  spec.each(Object.entries(READERS))('errors after %s in its pipeline has handled all bytes', async (h, _, read) => {
    const seen = h.observed(connect({ host, port: await resetting(h) }).pipe(switchMap(read)));
    expect(((await seen.ended).error as IOStreamError).code).toBe('ECONNRESET');
    expect(seen.values).toStrictEqual(['line\n']);
  });

  spec.each(Object.entries(READERS))('errors after %s outside of its pipeline has handled all bytes', async (h, _, read) => {
    const log: unknown[] = [];
    const seen = h.observed(
      connect({ host, port: await resetting(h) }).pipe(
        tap((io) => {
          // eslint-disable-next-line rxjs-x/no-subscribe-in-pipe -- a reader outside of the pipeline
          const reading = read(io).subscribe({ next: (value) => log.push(value), error: () => log.push('reader') });
          h.defer(() => reading.unsubscribe());
        }),
        tap({ error: () => log.push('connect') }),
      ),
    );
    await seen.ended;
    expect(log).toStrictEqual(['line\n', 'reader', 'connect']);
  });

  spec.each(Object.entries(READERS))('errors after %s in its handler has handled all bytes', async (h, _, read) => {
    const seen = h.observed(connect({ host, port: await resetting(h) }, read));
    expect(((await seen.ended).error as IOStreamError).code).toBe('ECONNRESET');
    expect(seen.values).toStrictEqual(['line\n']);
  });

  spec('errors at once when there are no readers', async (h) => {
    const seen = h.observed(connect({ host, port: await resetting(h) }));
    expect(((await seen.ended).error as IOStreamError).code).toBe('ECONNRESET');
  });

  spec('errors when the last reader unsubscribes before the end', async (h) => {
    const seen = h.observed(connect({ host, port: await resetting(h) }));
    const io = await seen.value();
    const slow = h.observed(io.consume(() => NEVER));
    await h.until(() => io.state === 'closed', 'the reset');
    await turns();
    expect(seen.state).toBe('open');
    slow.unsubscribe();
    expect(seen.state).toBe('error');
  });

  spec('emits nothing more when it is unsubscribed while a reader handles bytes', async (h) => {
    const seen = h.observed(connect({ host, port: await resetting(h) }).pipe(switchMap((io) => io.consume(() => NEVER))));
    await turns(30);
    seen.unsubscribe();
  });

  spec('retries a lost connection after all its bytes were handled', async (h) => {
    const port = await resetting(h);
    const seen = h.observed(
      connect({ host, port }).pipe(
        switchMap((io) => io.consume((bytes) => timer(2).pipe(map(() => text(bytes))))),
        retry(2),
      ),
    );
    await seen.ended;
    expect(seen.values).toStrictEqual(['line\n', 'line\n', 'line\n']);
  });
});
