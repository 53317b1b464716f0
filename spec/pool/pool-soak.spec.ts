import type { Socket } from 'node:net';
import {
  catchError,
  concat,
  defer,
  EMPTY,
  filter,
  firstValueFrom,
  from,
  ignoreElements,
  lastValueFrom,
  map,
  merge,
  mergeMap,
  NEVER,
  of,
  take,
  tap,
  throwError,
  type Observable,
} from 'rxjs';
import { framed, IOStreamError, lines, requests, type IOStream } from 'rxjs-io-stream';
import { expect } from 'vitest';
import { pool } from '../../src/pool/pool.ts';
import type { PoolCounts } from '../../src/pool/pool-types.ts';
import { randomOf } from '../../src/testing/random-of.ts';
import { served } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';

const USES = 10_000;
const MAX = 8;
const codec = lines({ maxLength: 1000 });

/** What a use does: all but the first leave the connection in a state in which it must not be used again. */
// prettier-ignore
const KINDS = ['ask', 'ask', 'ask', 'ask', 'ask', 'ask', 'first value', 'reply due', 'unread', 'throw', 'leave', 'close', 'cut', 'push'] as const;

spec(
  `brings each of ${USES} replies to the use that asked, one use at a time on a connection, whatever the other uses do to theirs`,
  async (h) => {
    const random = randomOf(1);
    let connections = 0;
    const place = await served(h, (socket: Socket) => {
      connections += 1;
      socket.setNoDelay().on('error', () => {});
      let rest = '';
      socket.on('data', (bytes) => {
        const parts = (rest + bytes.toString()).split('\n');
        rest = parts.pop() ?? '';
        for (const line of parts) {
          if (line.startsWith('destroy')) socket.destroy();
          else if (line.startsWith('end')) socket.end(`${line}\n`);
          else socket.write(line.startsWith('twice') ? `${line}\n${line}\npart` : `${line}\n`);
        }
      });
      socket.on('end', () => socket.end());
    });
    const db = pool({ connect: place as { host: string; port: number }, max: MAX, maxUses: 500, waitTimeout: 60_000 });
    const owners = new WeakMap<IOStream, number>();
    let active = 0;
    let most = 0;
    let sharers = 0;
    const outcomes = new Map<string, number>();
    const count = (name: string): void => void outcomes.set(name, (outcomes.get(name) ?? 0) + 1);

    const handler = (id: number, kind: (typeof KINDS)[number]) => (io: IOStream) =>
      defer((): Observable<string> => {
        if (owners.has(io)) sharers += 1;
        owners.set(io, id);
        active += 1;
        most = Math.max(most, active);
        const { request } = requests(framed(io, codec));
        const line = `id ${id}`;
        switch (kind) {
          case 'reply due':
            return merge(request(line), request('id stale')).pipe(take(1));
          case 'unread':
            return request(`twice ${id}`).pipe(map((reply) => reply.replace('twice', 'id')));
          case 'throw':
            return request(line).pipe(
              mergeMap((reply) =>
                concat(
                  of(reply),
                  throwError(() => new Error('thrown')),
                ),
              ),
            );
          case 'leave':
            return concat(request(line), NEVER);
          case 'close':
            return concat(request(`destroy ${id}`), of('never')).pipe(catchError(() => of(line)));
          case 'cut':
            return concat(request(line), cut(io));
          case 'push':
            return request(`end ${id}`).pipe(map((reply) => reply.replace('end', 'id')));
          default:
            return request(line);
        }
      }).pipe(
        tap({
          finalize: () => {
            owners.delete(io);
            active -= 1;
          },
        }),
      );

    const wrong: string[] = [];
    const one = (id: number): Observable<unknown> => {
      const kind = KINDS[Math.floor(random() * KINDS.length)]!;
      const use$ = db.use(handler(id, kind));
      const replies$ = kind === 'first value' || kind === 'leave' ? use$.pipe(take(1)) : use$;
      return replies$.pipe(
        tap((reply) => {
          count('reply');
          if (reply !== `id ${id}`) wrong.push(`${kind} ${id} got ${reply}`);
        }),
        catchError((error: unknown) => {
          count(error instanceof IOStreamError ? error.code : String(error));
          return of(undefined);
        }),
      );
    };

    const counts: PoolCounts[] = [];
    db.counts$.subscribe((each) => counts.push(each));
    await lastValueFrom(from(Array.from({ length: USES }, (_, id) => id)).pipe(mergeMap((id) => one(id), 32)));
    const idle = firstValueFrom(db.counts$.pipe(filter(({ busy, connecting, waiting }) => busy + connecting + waiting === 0)));
    await idle;

    expect(wrong).toStrictEqual([]);
    expect(sharers).toBe(0);
    expect(active).toBe(0);
    // After 'push', the FIN of the server may arrive when the next use has started: that one gets an error, as over any connection.
    const { reply = 0, 'Error: thrown': thrown = 0, ...lost } = Object.fromEntries(outcomes);
    const lostCount = Object.values(lost).reduce((sum, each) => sum + each, 0);
    expect(reply + lostCount).toBe(USES);
    expect(lostCount).toBeLessThan(USES / 10);
    expect(Object.keys(lost).filter((code) => !['ECLOSED', 'ECONNRESET', 'EPIPE'].includes(code))).toStrictEqual([]);
    expect(thrown).toBeGreaterThan(USES / 20);
    expect(most).toBeLessThanOrEqual(MAX);
    expect(Math.max(...counts.map(({ idle, busy, connecting }) => idle + busy + connecting))).toBeLessThanOrEqual(MAX);
    expect(connections).toBeLessThan(USES * 0.6);
    const closed = firstValueFrom(db.closed$);
    db.close();
    await closed;
    expect(counts.at(-1)).toStrictEqual({ idle: 0, busy: 0, connecting: 0, waiting: 0 });
  },
  { timeout: 120_000 },
);

/** Sends a part of a line, and ends without an error. */
function cut(io: IOStream): Observable<never> {
  return io.send(cutSource()).pipe(
    ignoreElements(),
    catchError(() => EMPTY),
  );
}

function* cutSource(): Generator<string> {
  yield 'half a li';
  throw new Error('cut');
}
