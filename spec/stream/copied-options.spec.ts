import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect } from 'vitest';
import { connect, IOStream, listen, open, passthrough, persistent, type Plugin } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { spec } from '../support/spec.ts';
import { resetAtEnd, serve } from './tools.ts';

const host = '127.0.0.1';
/** An address that does not exist: a stream that used it would fail. */
const changed = { host: 'changed.test', port: 9 };

describe('a stream', () => {
  spec('copies its options: a later change of the object has no effect', async (h) => {
    const options = { host, port: await serve(h, () => {}) };
    const [io] = resetAtEnd(h, await open(options));
    Object.assign(options, changed);
    expect(io.host).toBe(host);
  });

  spec('copies its options at the call of `connect`, for every subscription', async (h) => {
    const options = { host, port: await serve(h, () => {}) };
    const connection$ = connect(options);
    Object.assign(options, changed);
    for (let each = 0; each < 2; each += 1) expect((await firstValueFrom(connection$)).host).toBe(host);
  });

  spec('copies its options at the call of `persistent`', async (h) => {
    const options = { host, port: await serve(h, () => {}) };
    const reconnecting = persistent(options, { attempts: 1 });
    Object.assign(options, changed);
    expect((await firstValueFrom(reconnecting.stream$)).host).toBe(host);
    reconnecting.close();
  });

  spec('copies its options at the call of `listen`', async (h) => {
    const options = { host, port: 0, timeouts: { idle: 5 }, plugin: { first: passthrough() } as Record<string, Plugin> };
    const server$ = listen(options);
    options.host = changed.host;
    options.timeouts.idle = 9;
    options.plugin.second = passthrough();
    const accepted = new Promise<IOStream>((resolve) => {
      const serving = server$.subscribe(({ address, connections$ }) => {
        connections$.subscribe((io) => resolve(io));
        resetAtEnd(h, new IOStream({ host, port: (address as { port: number }).port }));
      });
      h.defer(() => serving.unsubscribe());
    });
    const io = await accepted;
    expect([io.timeouts.idle, Object.keys(io.plugin)]).toEqual([5, ['first']]);
  });

  spec.each<[name: string, plugin: () => Record<string, Plugin> | [string, Plugin][], add: (plugins: never) => void]>([
    ['record', () => ({ first: passthrough() }), (plugins: Record<string, Plugin>) => (plugins.second = passthrough())],
    ['list', () => [['first', passthrough()]], (plugins: [string, Plugin][]) => plugins.push(['second', passthrough()])],
  ])('copies the timeouts and plugins of its options, with plugins as a %s', async (h, _name, make, add) => {
    const [timeouts, plugin] = [{ idle: 5000 }, make()];
    const connection$ = connect({ host, port: await serve(h, () => {}), timeouts, plugin });
    timeouts.idle = 9000;
    add(plugin as never);
    const io = await firstValueFrom(connection$);
    expect([Object.keys(io.plugin), io.timeouts.idle]).toEqual([['first'], 5000]);
  });

  spec('does not change its options object when a field is assigned', (h) => {
    const [wire] = memoryPair();
    const options = { wire, outBuf: 'x', timeouts: { idle: 5 }, Count: 1 };
    const [io] = resetAtEnd(h, new IOStream(options));
    io.timeouts = { idle: 9 };
    io.Count = 2;
    expect(options).toEqual({ wire, outBuf: 'x', timeouts: { idle: 5 }, Count: 1 });
    return Promise.resolve();
  });
});

describe('a polluted Object.prototype', () => {
  const prototype = Object.prototype as unknown as Record<string, unknown>;
  const polluted = [
    'fh',
    'path',
    'cb',
    'method',
    'waitFor',
    'outBuf',
    'timeouts',
    'signal',
    'plugin',
    'lookup',
    'localAddress',
    'idle',
    'Own',
  ];
  const clean = (): void => {
    for (const name of polluted) Reflect.deleteProperty(prototype, name);
  };
  afterEach(clean);

  spec.each<[name: string, value: unknown]>([
    ['fh', 'no fh'],
    ['path', '/no/such/socket'],
    ['cb', 5],
    ['waitFor', 0],
    ['outBuf', 'injected'],
    ['timeouts', { connect: -1 }],
    ['plugin', { broken: () => 5 }],
    ['lookup', () => {}],
    ['localAddress', '192.0.2.1'],
  ])('with `%s` does not change a stream', async (h, name, value) => {
    const received: string[] = [];
    const port = await serve(h, (socket) => socket.on('data', (bytes) => received.push(String(bytes))));
    prototype[name] = value;
    const [io] = resetAtEnd(h, await open({ host: 'localhost', port }));
    await firstValueFrom(io.send(['x']));
    clean();
    await h.until(() => received.length > 0, 'the bytes arrive');
    expect([received.join(''), io.state, io.waitFor]).toEqual(['x', 'open', undefined]);
  });

  spec('does not change a server and its streams', async (h) => {
    prototype.plugin = { broken: () => 5 };
    prototype.path = '/no/such/folder/socket';
    const port = await new Promise<number>((resolve, reject) => {
      const serving = listen({ host, port: 0 }, (io) => io.send(io)).subscribe({
        next: ({ address }) => resolve((address as { port: number }).port),
        error: reject,
      });
      h.defer(() => serving.unsubscribe());
    });
    const [io] = resetAtEnd(h, await open({ host, port }));
    io.write('echo');
    const echoed = await firstValueFrom(io.data$);
    clean();
    expect(String(echoed)).toBe('echo');
  });
});
