import { AsyncLocalStorage } from 'node:async_hooks';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { mergeMap, of, Subject, switchMap, take, tap, type Observable } from 'rxjs';
import { assert, describe, expect } from 'vitest';
import { connect, framed, IOStream, lines, requests, type Up } from 'rxjs-io-stream';
import { client, portOf, serving } from '../support/clients.ts';
import { spec } from '../support/spec.ts';
import { serve } from './tools.ts';

const host = '127.0.0.1';
const codec = lines({ maxLength: 100 });
const echo = (socket: Socket): void => void socket.pipe(socket);

describe('AsyncLocalStorage', () => {
  const storage = new AsyncLocalStorage<string>();
  spec('keeps the context in which a stream was created in its callbacks', async (h) => {
    const port = await serve(h, (socket) => socket.end('line\n'));
    const wrong: string[] = [];
    const count = { calls: 0 };
    const streams: IOStream[] = [];
    for (const id of ['A', 'B', 'C'])
      storage.run(id, () => {
        const note = (what: string) => (): void => {
          count.calls += 1;
          if (storage.getStore() !== id) wrong.push(`${what} of ${id} in ${String(storage.getStore())}`);
        };
        const io: IOStream = new IOStream({ host, port, cb: note('cb'), onEvent: note('onEvent') });
        streams.push(io);
        io.events$.subscribe(note('events$'));
        io.data$.subscribe({ next: note('data$'), complete: note('data$ completes') });
        io.eof$.subscribe(note('eof$'));
        io.closed$.subscribe(note('closed$'));
        io.consume(() => [1]).subscribe(note('consume'));
        io.send(['x']).subscribe({ next: note('send'), error: note('send errors') });
      });
    await h.until(() => streams.every(({ state }) => state === 'closed'));
    expect(wrong).toStrictEqual([]);
    assert(count.calls > 20);
  });

  spec('keeps the context of the subscription in the values, the handler and the messages of connect', async (h) => {
    const port = await serve(h, echo);
    const wrong: string[] = [];
    await Promise.all(
      ['A', 'B'].map((id) =>
        storage.run(id, async () => {
          const note = <T>(what: string) =>
            tap<T>(() => storage.getStore() !== id && wrong.push(`${what} of ${id} in ${String(storage.getStore())}`));
          const use = (io: IOStream): Observable<unknown> => {
            const messages = framed(io, codec);
            return requests(messages)
              .request('question')
              .pipe(
                note('request'),
                mergeMap(() => io.send(['more\n'])),
                note('send'),
                take(1),
              );
          };
          await h.observed(connect({ host, port }).pipe(note('connect'), switchMap(use), take(1), note('values'))).ended;
          await h.observed(connect({ host, port }, (io) => of(io).pipe(note('handler'), mergeMap(use))).pipe(note('emits'))).ended;
        }),
      ),
    );
    expect(wrong).toStrictEqual([]);
  });

  spec('keeps the context of the subscription in the handlers of listen', async (h) => {
    const seen: unknown[] = [];
    const { server, at } = await storage.run('server', () => serving(h, (io) => (seen.push(storage.getStore()), io.send(io))));
    await storage.run('client', () => client(h, at));
    await h.until(() => seen.length === 1);
    assert(portOf(server) > 0);
    expect(seen).toStrictEqual(['server']);
  });

  for (const how of ['completes', 'errors'] as const)
    spec(`keeps the context in which a stream was created when its wire ${how} in another`, async (h) => {
      const up$ = new Subject<Up>();
      const seen: unknown[] = [];
      const io = storage.run('creator', () => {
        const created = new IOStream({ wire: () => () => up$, cb: (_io, _mask, error) => error && seen.push(storage.getStore()) });
        created.closed$.subscribe(() => seen.push(storage.getStore()));
        return created;
      });
      await h.until(() => up$.observed);
      await nextTurn();
      storage.run('wire', () => {
        up$.next({ kind: 'connected', details: [] });
        if (how === 'completes') up$.complete();
        else up$.error(new Error('broken'));
      });
      await h.until(() => io.state === 'closed');
      expect(seen).toStrictEqual(how === 'completes' ? ['creator'] : ['creator', 'creator']);
    });
});
