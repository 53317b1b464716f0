import { connect, type Socket } from 'node:net';
import { BehaviorSubject, config, firstValueFrom, NEVER, Subject, switchMap, throwError, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { listen, open, openTls, startTls, type AdmitRules, type IOStream, type ListenOptions, type Plugin } from 'rxjs-io-stream';
import { client, serving, type Client } from '../support/clients.ts';
import type { Harness } from '../support/harness.ts';
import { socketPath } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';
import { echo } from './server-tools.ts';
import { CLIENT, SERVER } from './start-tls-tools.ts';
import { usedMiB } from './tools.ts';

type Rules = AdmitRules | Observable<AdmitRules>;

/** Dials `count` times at once. */
const dialled = (h: Harness, at: Parameters<typeof client>[1], count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => client(h, at)));

/** Writes to each client, and waits until each has its echo or is closed. Returns those with an echo. */
async function servedOf(h: Harness, clients: readonly Client[]): Promise<Client[]> {
  for (const { socket, closed } of clients) if (!closed) socket.write('x');
  await h.until(() => clients.every(({ text, closed }) => text !== '' || closed), 'each client is served or closed');
  return clients.filter(({ text }) => text !== '');
}

/** Dials once. Resolves to what happens. */
async function outcome(h: Harness, at: Parameters<typeof client>[1]): Promise<'served' | 'refused'> {
  const [served] = await servedOf(h, await dialled(h, at, 1));
  served?.socket.destroy();
  return served ? 'served' : 'refused';
}

describe('the option admit of listen', () => {
  spec.each<[AdmitRules, refused: string, rule: string]>([
    [{ deny: ['127.0.0.2'] }, '127.0.0.2', 'deny'],
    [{ deny: ['127.0.0.2/31'] }, '127.0.0.3', 'deny'],
    [{ allow: ['127.0.0.1'] }, '127.0.0.2', 'allow'],
    [{ allow: ['127.0.0.0/8'], deny: ['127.0.0.2'] }, '127.0.0.2', 'deny'],
  ])('by %j resets %s, and serves 127.0.0.1', async (h, admit, refused, rule) => {
    const { server, at, errors } = await serving(h, echo, { admit });
    const dropped = h.observed(server.dropped$);
    expect(await outcome(h, at)).toBe('served');
    const peer = await client(h, { ...at, localAddress: refused });
    await h.until(() => peer.closed, 'closed');
    expect([peer.error, dropped.values]).toEqual(['ECONNRESET', [0, 1]]);
    const [error] = errors.values as [Error];
    h.error(error, { code: 'EBLOCKED', phase: 'connect' });
    expect(error).toMatchObject({ rule, address: refused, port: expect.any(Number) as number });
    expect(error.message).toContain(`${refused} port`);
    expect(error.message).toContain(`\`admit.${rule}\``);
  });

  spec('treats IPv4 clients of an IPv6 listener as IPv4', async (h) => {
    const { server, errors } = await serving(h, echo, { host: '::', admit: { deny: ['127.0.0.2'] } });
    const at = { host: '127.0.0.1', port: (server.address as { port: number }).port };
    expect(await outcome(h, { ...at, localAddress: '127.0.0.2' })).toBe('refused');
    expect(await outcome(h, at)).toBe('served');
    expect(errors.values).toMatchObject([{ rule: 'deny', address: '127.0.0.2' }]);
  });

  spec('creates no stream for a refused connection', async (h) => {
    let layers = 0;
    const counted: Plugin = (wire) => {
      layers += 1;
      return wire;
    };
    const { server, at } = await serving(h, echo, { plugin: { counted }, admit: { allow: [] } });
    const before = layers;
    expect(await outcome(h, at)).toBe('refused');
    expect([layers - before, server.size]).toEqual([0, 0]);
  });

  spec('serves exactly 10 of 100 connections that one address opens at once, and another address too', async (h) => {
    const { server, at, errors } = await serving(h, echo, { admit: { perAddress: 10 } });
    const dropped = h.observed(server.dropped$);
    const clients = await dialled(h, at, 100);
    const served = await servedOf(h, clients);
    expect([served.length, server.size, dropped.values.at(-1)]).toEqual([10, 10, 90]);
    expect(errors.values.every((error) => (error as { rule?: string }).rule === 'perAddress')).toBe(true);
    expect(await outcome(h, { ...at, localAddress: '127.0.0.2' })).toBe('served');
    served[0]?.socket.end();
    await h.until(() => server.size === 9, 'one has closed');
    expect((await servedOf(h, await dialled(h, at, 5))).length).toBe(1);
  });

  spec('counts a connection until it is closed, however it ends', async (h) => {
    const streams: IOStream[] = [];
    const keep = (io: IOStream): Observable<never> => (streams.push(io), NEVER);
    const { server, at } = await serving(h, keep, { admit: { perAddress: 1 } });
    const ways: ((io: IOStream, socket: Socket) => void)[] = [
      (io) => io.reset(),
      (io) => io.close(),
      (_, socket) => socket.resetAndDestroy(),
      (_, socket) => socket.destroy(),
    ];
    for (const [each, end] of ways.entries()) {
      const { socket } = await client(h, at);
      await h.until(() => streams.length === each + 1, `admitted ${each}`);
      const refused = await client(h, at);
      await h.until(() => refused.closed, 'refused while the first is open');
      end(streams[each]!, socket);
      socket.resume().end();
      await h.until(() => server.size === 0, 'closed');
    }
  });

  spec('counts a connection once that TLS has taken over', async (h) => {
    const upgrade = (io: IOStream): Observable<unknown> => startTls(io, SERVER).pipe(switchMap(echo));
    const { server, at, errors } = await serving(h, upgrade, { admit: { perAddress: 1 } });
    for (const count of [1, 2]) {
      const io = await open(at);
      const secure = await openTls(io, CLIENT);
      secure.write('hello');
      expect((await firstValueFrom(secure.data$)).toString()).toBe('hello');
      const second = await client(h, at);
      await h.until(() => second.closed, 'refused');
      expect(errors.values).toHaveLength(count);
      expect(errors.values.at(-1)).toMatchObject({ rule: 'perAddress' });
      secure.close();
      await h.until(() => server.size === 0, 'closed');
    }
  });

  spec('admits perSecond connections in a second, on the scheduler', async (h) => {
    const scheduler = new TestScheduler(() => {});
    scheduler.maxFrames = Infinity;
    h.defer(() => scheduler.flush()); // closes the streams
    const { server, at } = await serving(h, () => NEVER, { scheduler, admit: { perSecond: 3 } });
    const dropped = h.observed(server.dropped$);
    const admittedOf = async (count: number): Promise<number> => {
      const [size, before] = [server.size, dropped.values.at(-1)!];
      await dialled(h, at, count);
      await h.until(() => server.size - size + dropped.values.at(-1)! - before === count, 'each is admitted or dropped');
      return server.size - size;
    };
    expect(await admittedOf(10)).toBe(3);
    scheduler.frame = 999;
    expect(await admittedOf(2)).toBe(0);
    scheduler.frame = 1000;
    expect(await admittedOf(5)).toBe(3);
  });

  spec('limits a UNIX socket by perSecond, and by nothing that needs an address', async (h) => {
    const path = socketPath(h);
    const admit = { allow: [], deny: ['0.0.0.0/0'], perAddress: 1, perAddressPerSecond: 1, perSecond: 3 };
    const { errors } = await serving(h, echo, { host: undefined, port: undefined, path, admit });
    expect((await servedOf(h, await dialled(h, { path }, 5))).length).toBe(3);
    expect(errors.values).toMatchObject([{ rule: 'perSecond' }, { rule: 'perSecond' }]);
    expect((errors.values[0] as Error).message).toContain('a connection without an address is blocked by `admit.perSecond`');
  });

  spec('reports a refusal to nothing else without a subscriber of errors$', async (h) => {
    const { server, at, errors } = await serving(h, echo, { admit: { allow: [] } });
    errors.unsubscribe();
    const unhandled: unknown[] = [];
    config.onUnhandledError = (error) => unhandled.push(error);
    h.defer(() => (config.onUnhandledError = null));
    const dropped = h.observed(server.dropped$);
    expect(await outcome(h, at)).toBe('refused');
    expect([dropped.values, unhandled]).toEqual([[0, 1], []]);
  });

  spec('uses no more memory after 20,000 refused connections', async (h) => {
    const { server, at, errors } = await serving(h, echo, { admit: { allow: ['192.0.2.1'], perAddress: 1, perAddressPerSecond: 1 } });
    errors.unsubscribe();
    let dropped = 0;
    h.defer(() => counting.unsubscribe());
    const counting = server.dropped$.subscribe((count) => (dropped = count));
    const round = async (count: number): Promise<void> => {
      for (let each = 0; each < count; each += 50) await Promise.all(Array.from({ length: 50 }, () => refusedOnce(at)));
    };
    await round(2_000);
    const before = usedMiB();
    await round(20_000);
    const grown = usedMiB() - before;
    console.log(`memory: 20,000 refused connections: ${grown.toFixed(1)} MiB`);
    expect(dropped).toBe(22_000);
    expect(server.size).toBe(0);
    expect(grown).toBeLessThan(4);
  });

  it.each<[admit: unknown, message: string]>([
    [{ deny: ['10.0.0.1/8'] }, 'expected `admit.deny[0]` of listen to be an IP address or a range'],
    [{ perAddress: 0 }, 'expected `admit.perAddress` of listen'],
    [true, 'expected `admit` to be rules such as { perAddress: 10 }, or an Observable of them'],
    [['10.0.0.0/8'], 'expected an object of options'],
  ])('throws at the call for %j', (admit, message) => {
    expect(() => listen({ port: 0, admit } as ListenOptions)).toThrow(TypeError);
    expect(() => listen({ port: 0, admit } as ListenOptions)).toThrow(message);
  });
});

describe('an Observable of rules', () => {
  const servingBy = (h: Harness, admit: Rules): ReturnType<typeof serving> => serving(h, echo, { admit });

  spec('admits no connection before its first value', async (h) => {
    const admit = new Subject<AdmitRules>();
    const { at, errors } = await servingBy(h, admit);
    expect(await outcome(h, at)).toBe('refused');
    admit.next({});
    expect(await outcome(h, at)).toBe('served');
    expect((errors.values as Error[]).map(({ message }) => message.replace(/port \d+/, 'port N'))).toEqual([
      '127.0.0.1 port N is blocked by `admit`: no rules have been emitted yet [EBLOCKED]',
    ]);
  });

  spec('changes the rules for new connections, and leaves the others open', async (h) => {
    const admit = new BehaviorSubject<AdmitRules>({});
    const { at } = await servingBy(h, admit);
    const open = await servedOf(h, await dialled(h, at, 2));
    admit.next({ allow: [] });
    expect(await outcome(h, at)).toBe('refused');
    admit.next({ perAddress: 2 });
    expect(await outcome(h, at)).toBe('refused');
    admit.next({ perAddress: 3 });
    expect(await outcome(h, at)).toBe('served');
    expect(open.every(({ closed }) => !closed)).toBe(true);
  });

  spec('keeps the last rules after a value that is invalid, an error, and its end', async (h) => {
    for (const end of ['error', 'complete'] as const) {
      const admit = new BehaviorSubject<AdmitRules>({ deny: ['127.0.0.2'] });
      const { at, errors } = await servingBy(h, admit);
      admit.next({ deny: ['127.0.0.1/8'] });
      if (end === 'error') admit.error(new Error('no database'));
      else admit.complete();
      expect(await outcome(h, at)).toBe('served');
      expect(await outcome(h, { ...at, localAddress: '127.0.0.2' })).toBe('refused');
      const [invalid, second] = errors.values as Error[];
      expect(invalid).toBeInstanceOf(TypeError);
      expect(invalid?.message).toContain('expected `admit.deny[0]` of listen');
      if (end === 'error') expect(second?.message).toBe('no database');
      else h.error(second, { code: 'EBLOCKED' });
    }
  });

  spec('admits none if it errors at once, and the server reports the error', async (h) => {
    const errors: unknown[] = [];
    const server$ = listen({ host: '127.0.0.1', port: 0, admit: throwError(() => new Error('no database')) }, echo);
    const { port } = await new Promise<{ port: number }>((resolve) => {
      const serving = server$.subscribe(({ address, errors$ }) => {
        errors$.subscribe((error) => errors.push(error));
        resolve(address as { port: number } & typeof address);
      });
      h.defer(() => serving.unsubscribe());
    });
    expect(await outcome(h, { host: '127.0.0.1', port })).toBe('refused');
    expect(errors).toMatchObject([{ message: 'no database' }, { code: 'EBLOCKED' }]);
  });

  spec('is subscribed while the server listens', async (h) => {
    const admit = new BehaviorSubject<AdmitRules>({});
    const server$ = listen({ host: '127.0.0.1', port: 0, admit }, echo);
    expect(admit.observed).toBe(false);
    const seen = h.observed(server$);
    await seen.value();
    await h.until(() => admit.observed, 'subscribed');
    seen.unsubscribe();
    expect(admit.observed).toBe(false);
  });
});

/** Dials, and resolves when the connection has closed. */
function refusedOnce(at: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve) =>
    connect(at)
      .on('error', () => {})
      .on('close', () => resolve()),
  );
}
