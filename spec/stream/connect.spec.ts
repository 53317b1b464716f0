import { switchMap } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { connect, type IOStream, type IOStreamOptions } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { spec } from '../support/spec.ts';
import { deadPort } from '../support/loopback.ts';
import { echo, host, knock, peer, text } from './connect-tools.ts';
import { unhandled } from './tools.ts';

describe('connect', () => {
  spec('opens a new connection at each subscription, and nothing before', async (h) => {
    let lookups = 0;
    const { port, sockets } = await peer(h, echo);
    const io$ = connect({
      host: 'some.name',
      port,
      lookup: (_host, _options, callback) => {
        lookups += 1;
        callback(null, [{ address: host, family: 4 }]);
      },
    });
    await new Promise(setImmediate);
    expect([lookups, sockets.length]).toEqual([0, 0]);
    const [one, two] = [h.observed(io$), h.observed(io$)];
    expect(await one.value()).not.toBe(await two.value());
    expect(lookups).toBe(2);
    await h.until(() => sockets.length === 2, 'two connections');
  });

  spec('emits the stream once, when all layers are connected', async (h) => {
    const { to, sockets } = await peer(h);
    const seen = h.observed(connect({ ...to, plugin: { inner: knock('two'), outer: knock('one') } }));
    const word = async (expected: string): Promise<void> => {
      await h.until(() => sockets[0]?.bytesRead === expected.length, expected);
      expect(seen.values).toEqual([]);
      sockets[0]?.write('ok');
    };
    await word('one');
    await word('onetwo');
    const io = await seen.value();
    expect(io.state).toBe('open');
    expect(io.details).toMatchObject({ inner: { word: 'two' }, outer: { word: 'one' } });
    expect(seen).toMatchObject({ state: 'open', values: [io] });
  });

  spec('completes when the stream has closed, by `close`, `reset` or the peer', async (h) => {
    const { to, sockets } = await peer(h);
    const closings = [
      (io: IOStream) => io.close(),
      (io: IOStream) => io.reset(),
      (): void => void sockets[2]?.end(), // without half-open the stream ends, too
    ];
    for (const [turn, close] of closings.entries()) {
      const seen = h.observed(connect(to));
      const io = await seen.value();
      await h.until(() => sockets.length === turn + 1, 'accepted');
      const socket = sockets[turn];
      socket?.on('end', () => socket.end());
      close(io);
      await seen.ended;
      expect(seen.state).toBe('complete');
      expect(io.state).toBe('closed');
    }
  });

  spec('errors when it cannot connect, and emits nothing', async (h) => {
    const seen = await h.observed(connect({ host, port: await deadPort() })).ended;
    expect(seen.values).toEqual([]);
    h.error(seen.error, { code: 'ECONNREFUSED', phase: 'connect' });
  });

  spec('errors on a fatal error after the bytes read before it, and reports nothing to `config.onUnhandledError`', async (h) => {
    const reported = unhandled(h);
    const { to, sockets } = await peer(h);
    const bytes = h.observed(connect(to).pipe(switchMap((io) => io.data$)));
    await h.until(() => sockets.length === 1, 'accepted');
    const bare = h.observed(connect(to));
    await h.until(() => sockets.length === 2, 'accepted, too');
    await bare.value();
    sockets[0]?.write('before');
    await h.until(() => bytes.values.length > 0, 'the bytes');
    for (const socket of sockets) socket.resetAndDestroy();
    await Promise.all([bytes.ended, bare.ended]);
    expect(text(Buffer.concat(bytes.values))).toBe('before');
    for (const { error } of [bytes, bare]) h.error(error, { code: 'ECONNRESET', phase: 'read' });
    expect(reported).toEqual([]);
  });

  spec('does not error on an error that is not fatal', async (h) => {
    const { to } = await peer(h);
    const seen = h.observed(connect({ ...to, waitFor: 0, timeouts: { idle: 5 } }));
    const io = await seen.value();
    const errors = h.observed(io.errors$);
    h.error(await errors.value(), { code: 'ETOIDLE' });
    expect([seen.state, io.state]).toEqual(['open', 'open']);
  });

  it.each<[string, unknown, RegExp]>([
    ['no options', undefined, /options/],
    ['null', null, /options/],
    ['no address', {}, /exactly one of/],
    ['two addresses', { host, port: 1, path: '/x' }, /exactly one of/],
    ['a host without port', { host }, /`port`/],
    ['port 70000', { host, port: 70_000 }, /`port`/],
    ['an unknown option', { host, port: 1, timeout: 1 }, /`timeout`/],
    ['an unknown timeout', { host, port: 1, timeouts: { dial: 1 } }, /`dial`/],
    ['a cb without the method', { host, port: 1, cb: {} }, /`IO`/],
    ['a plugin that is a string', { host, port: 1, plugin: { rc4: 'key' } }, /`plugin`/],
  ])('throws a TypeError at the call for %s', (_name, options, words) => {
    expect(() => connect(options as never)).toThrow(TypeError);
    expect(() => connect(options as never)).toThrow(words);
  });

  spec('errors with a TypeError for wrong options of a function, and with the error that the function throws', async (h) => {
    const wrong = await h.observed(connect(() => ({ host, port: 70_000 }))).ended;
    expect(wrong.error).toBeInstanceOf(TypeError);
    const thrown = new Error('no configuration');
    const threw = await h.observed(
      connect((): IOStreamOptions => {
        throw thrown;
      }),
    ).ended;
    expect(threw.error).toBe(thrown);
  });

  spec('errors with EALREADY when a single-use wire is dialled again', async (h) => {
    const [near] = memoryPair();
    const io$ = connect({ wire: near, timeouts: { close: 10 } });
    await h.observed(io$).value();
    const again = await h.observed(io$).ended;
    h.error(again.error, { code: 'EALREADY', phase: 'connect' });
  });
});
