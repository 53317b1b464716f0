import { once } from 'node:events';
import { get } from 'node:http';
import { BehaviorSubject, firstValueFrom, from, map, NEVER, of, ReplaySubject, shareReplay, throwError, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { agent, connect, IOStream, publicOnly, socks5, type Guard, type IOStreamOptions } from 'rxjs-io-stream';
import { guardOf } from '../../src/stream/guard-of.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { peer } from './connect-tools.ts';

const all: Guard = () => true;
const none: Guard = () => 'maintenance';

/** The error with which a stream ends. */
async function failure(h: Harness, options: IOStreamOptions): Promise<Error> {
  const io = new IOStream(options);
  h.watch(io);
  return (await firstValueFrom(io.closed$)).error as Error;
}

describe('an Observable of guards', () => {
  spec('judges by the current guard', async (h) => {
    const { to, sockets } = await peer(h);
    const guard = new BehaviorSubject<Guard>(none);
    h.error(await failure(h, { ...to, guard }), { code: 'EBLOCKED', phase: 'connect' });
    expect(sockets).toEqual([]);
    guard.next(all);
    const io = await firstValueFrom(connect({ ...to, guard }));
    guard.next(none);
    expect(io.state).toBe('open');
    await h.until(() => sockets.length === 1, 'accepted');
    io.close();
    expect(await failure(h, { ...to, guard })).toMatchObject({ code: 'EBLOCKED' });
    expect(guard.observed).toBe(false);
  });

  spec('judges each address by the guard of that moment', async (h) => {
    const { to } = await peer(h);
    const guard = new BehaviorSubject<Guard>(none);
    guard.next(({ address }) => {
      guard.next(all);
      return `not ${address}`;
    });
    const lookup: IOStreamOptions['lookup'] = (_host, _options, answer) =>
      answer(null, [
        { address: '127.0.0.2', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ]);
    const io = await firstValueFrom(connect({ host: 'two.test', port: to.port, lookup, guard }));
    expect(io.remoteAddress).toBe('127.0.0.1');
    io.close();
  });

  spec.each<[what: string, guard: () => Observable<Guard>, message: string]>([
    ['that never emits', () => NEVER, 'its Observable emits no guard at once'],
    ['that emits later', () => from(Promise.resolve(all)), 'its Observable emits no guard at once'],
    ['that errors', () => throwError(() => new Error('no database')), 'it threw no database'],
    ['that emits true', () => of(true as unknown as Guard), 'its Observable emitted true (boolean), not a guard'],
    ['that emits null', () => of(null as unknown as Guard), 'its Observable emitted null, not a guard'],
    ['whose guard blocks', () => of(all, none), 'maintenance'],
  ])('blocks everything, if it is one %s', async (h, _what, guard, message) => {
    const { to, sockets } = await peer(h);
    const error = await failure(h, { ...to, guard: guard() });
    h.error(error, { code: 'EBLOCKED', phase: 'connect' });
    expect(error.message).toContain(`127.0.0.1 port ${to.port} is blocked by \`guard\`: ${message}`);
    expect(sockets).toEqual([]);
  });

  spec('judges the name of a target behind a proxy', async (h) => {
    const { port, sockets } = await peer(h);
    const guard = new BehaviorSubject(publicOnly());
    const plugin = { proxy: socks5({ host: '127.0.0.1', port }) };
    expect(await failure(h, { host: 'printer.local', port: 7, guard, plugin })).toMatchObject({ code: 'EBLOCKED' });
    expect(sockets).toEqual([]);
  });

  spec('judges the requests of an agent', async (h) => {
    const { to } = await peer(h, (socket) => socket.resetAndDestroy());
    const guard = new BehaviorSubject<Guard>(none);
    const blocking = agent({ guard });
    const codeOf = async (): Promise<string> => {
      const [error] = (await once(get({ ...to, agent: blocking }), 'error')) as [Error & { code: string }];
      return error.code;
    };
    expect(await codeOf()).toBe('EBLOCKED');
    guard.next(all);
    expect(await codeOf()).toBe('ECONNRESET');
  });

  spec('may be shared rules that have been loaded', async (h) => {
    const { to } = await peer(h);
    const loaded = new ReplaySubject<string[]>(1);
    const guard = loaded.pipe(
      map(
        (list): Guard =>
          ({ address = '' }) =>
            list.includes(address) || 'not in the list',
      ),
      shareReplay({ bufferSize: 1, refCount: false }),
    );
    guard.subscribe();
    loaded.next([]);
    expect(await failure(h, { ...to, guard })).toMatchObject({ code: 'EBLOCKED' });
    loaded.next(['127.0.0.1']);
    (await firstValueFrom(connect({ ...to, guard }))).close();
    loaded.complete();
  });
});

describe('guardOf', () => {
  it('returns a function and undefined as they are', () => {
    expect([guardOf(all), guardOf(undefined)]).toEqual([all, undefined]);
  });

  it.each([[true], ['public'], [{}]])('is not called with %j, which IOStream refuses', (guard) => {
    expect(() => new IOStream({ host: 'a.test', port: 1, guard } as never)).toThrow(
      'expected `guard` to be a function that returns true or a reason, such as publicOnly(), or an Observable of them',
    );
  });
});
