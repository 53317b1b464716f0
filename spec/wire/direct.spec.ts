import { map } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { handshake } from '../../src/layers/handshake.ts';
import { passthrough } from '../../src/plugins/passthrough.ts';
import { throttleBytes } from '../../src/plugins/throttle-bytes/throttle-bytes.ts';
import { trace } from '../../src/plugins/trace.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { connectTo, direct, isDirect } from '../../src/wire/direct.ts';
import type { Layer, LayerContext } from '../../src/wire/layer.ts';
import { END, PAUSE, RESUME, type Flow, type Plugin, type Up, type Wire } from '../../src/wire/signal.ts';
import { stack } from '../../src/wire/stack.ts';
import { tcp } from '../../src/wire/tcp.ts';
import { DirectDriver } from '../support/direct-driver.ts';
import { plugin } from '../support/layer-tools.ts';
import { PluginDriver } from '../support/plugin-driver.ts';
import { ScriptedWire } from '../support/scripted-wire.ts';
import { data, inWords, sent } from '../support/signal-text.ts';

const WHY = new Error('why');
const boom = (): never => {
  throw new Error('boom');
};
const dial = testDial({ to: { host: '127.0.0.1', port: 1 } });

describe('a stack', () => {
  const ours: Readonly<Record<string, Plugin>> = {
    handshake: handshake({ *talk() {} }),
    unlimited: throttleBytes({ rate: Infinity }),
    limited: throttleBytes({ rate: 1000 }),
    trace: trace({ sink: () => {} }),
    noop: passthrough(),
  };
  const foreign: Plugin = (wire) => (request) => (flow$) =>
    flow$.pipe(
      wire(request),
      map((signal) => signal),
    );

  it('of our own plugins on a socket connects directly', () => {
    expect(isDirect(stack({}, tcp())(dial))).toBe(true);
    expect(isDirect(stack(ours, tcp())(dial))).toBe(true);
  });

  it('connects through Observables where a plugin is made of operators of RxJS', () => {
    expect(isDirect(stack({ foreign, ...ours }, tcp())(dial))).toBe(false);
    expect(isDirect(stack({ ...ours, foreign }, tcp())(dial))).toBe(true);
  });

  it('passes signals in order where both kinds alternate', () => {
    const mixed: Plugin = (wire) => plugin()(foreign(plugin()(foreign(wire))));
    const driver = new DirectDriver(mixed);
    driver.wire.connect();
    for (const signal of [data('a'), PAUSE, data('b'), END]) driver.app.next(signal);
    driver.wire.emit(sent(2), data('c'), END);
    driver.wire.complete();
    expect(inWords(driver.wire.down)).toEqual(['data a', 'pause', 'data b', 'end']);
    expect([...inWords(driver.up), driver.state]).toEqual(['connected', 'sent 2', 'data c', 'end', 'complete']);
  });
});

describe('connectTo', () => {
  it('buffers outbound signals until a wire made of operators subscribes', () => {
    const seen: Flow[] = [];
    const wire: Wire = () => (flow$) => flow$.pipe(map((signal) => (seen.push(signal), signal)));
    const connection = connectTo(wire(dial), { next() {}, error() {}, complete() {} });
    connection.next(data('early'));
    expect(seen).toEqual([]);
    connection.start();
    connection.next(data('late'));
    expect(inWords(seen)).toEqual(['data early', 'data late']);
  });

  it('never subscribes a wire that was freed before the start', () => {
    const scripted = new ScriptedWire();
    const connection = connectTo(scripted.wire(dial), { next() {}, error() {}, complete() {} });
    connection.unsubscribe();
    connection.start();
    connection.next(data('a'));
    expect(scripted.subscriptions).toBe(0);
  });

  it('subscribes the flow of an Observable before the wire starts', () => {
    const order: string[] = [];
    const wire: Wire = () =>
      direct((up) => ({
        start(source) {
          source?.subscribe();
          order.push('start');
          up.complete();
        },
        next: ({ kind }) => order.push(kind),
        error() {},
        complete: () => order.push('complete'),
        unsubscribe: () => order.push('freed'),
      }));
    new PluginDriver(() => wire);
    expect(order).toEqual(['start', 'freed']);
  });
});

describe.each([
  ['through Observables', PluginDriver],
  ['directly', DirectDriver],
] as const)('a layer connected %s', (_, Driver) => {
  const drive = (overrides?: (context: LayerContext) => Partial<Layer>): DirectDriver | PluginDriver => new Driver(plugin(overrides));

  it('passes on the very signals, both ways', () => {
    const driver = drive();
    const down: Flow[] = [data('a'), PAUSE, RESUME, END];
    const up: Up[] = [{ kind: 'connected', details: [] }, data('b'), sent(1), PAUSE, RESUME, { kind: 'end', truncated: true }];
    for (const signal of down) driver.app.next(signal);
    driver.wire.emit(...up);
    expect(driver.wire.down.every((signal, index) => signal === down[index])).toBe(true);
    expect(driver.up.every((signal, index) => signal === up[index])).toBe(true);
    expect([driver.wire.down.length, driver.up.length]).toEqual([4, 6]);
  });

  it.each<[string, (driver: DirectDriver | PluginDriver) => void, string, string, boolean]>([
    ['a close', ({ app }) => app.complete(), 'open', 'complete', false],
    ['a reset', ({ app }) => app.error(WHY), 'error', 'error', true],
    ['an unsubscription', (driver) => driver.unsubscribe(), 'unsubscribed', 'unsubscribed', true],
    ['the completion of the wire', ({ wire }) => wire.complete(), 'complete', 'unsubscribed', true],
    ['the failure of the wire', ({ wire }) => wire.fail(WHY), 'error', 'unsubscribed', true],
  ])('passes on %s, with and after leaving', (_end, end, state, flow, freed) => {
    for (const leaves of [false, true]) {
      const driver = drive((context) => ({
        up: (signal) => {
          if (leaves) context.leave();
          context.up.next(signal);
        },
      }));
      driver.wire.connect();
      end(driver);
      expect([driver.state, driver.wire.flow, driver.wire.freed]).toEqual([state, flow, freed]);
      if (driver.state === 'error') expect(driver.error).toBe(WHY);
    }
  });

  it.each(['down', 'up', 'closing', 'closed', 'failed'] as const)('errors Up and frees the wire after a throw of `%s`', (method) => {
    const driver = drive(() => ({ [method]: boom }));
    driver.app.next(data('a'));
    if (method === 'closed') driver.wire.complete();
    else if (method === 'failed') driver.wire.fail(WHY);
    else driver.wire.connect();
    driver.app.complete();
    expect(driver).toMatchObject({ state: 'error', error: new Error('boom') });
    expect(driver.wire.freed).toBe(true);
  });

  it('errors Up after a throw of the constructor, frees the wire and the layer once', () => {
    let freed = 0;
    expect(drive(boom)).toMatchObject({ state: 'error', error: new Error('boom') });
    const ended = drive(({ up }) => {
      up.error(WHY);
      return { free: () => (freed += 1) };
    });
    ended.unsubscribe();
    expect([ended.error, freed]).toEqual([WHY, 1]);
  });

  it('emits nothing after its end, in either direction', () => {
    for (const end of [
      (driver: DirectDriver | PluginDriver) => driver.unsubscribe(),
      ({ wire }: DirectDriver | PluginDriver) => wire.fail(WHY),
    ]) {
      const driver = drive();
      end(driver);
      driver.wire.emit(data('late'));
      driver.wire.complete();
      driver.app.next(data('late'));
      expect([driver.up, driver.wire.down]).toEqual([[], []]);
      expect(driver.state).not.toBe('complete');
    }
  });

  it('ignores outbound signals after a close', () => {
    const driver = drive();
    const { app } = driver;
    app.complete();
    driver.app.next(data('late'));
    driver.app.error(WHY);
    expect([driver.wire.down, driver.wire.flow, driver.state]).toEqual([[], 'complete', 'open']);
  });
});

describe('context.leave', () => {
  /** A layer that leaves at `data x`, after which no method of it may be called. */
  const leaving = (log: string[]): Plugin =>
    plugin((context) => ({
      down: (signal) => {
        log.push(`down ${signal.kind}`);
        context.down.next(signal);
      },
      up: (signal) => {
        log.push(`up ${signal.kind}`);
        if (inWords([signal])[0] === 'data x') context.leave();
        context.up.next(signal);
      },
      closing: () => void log.push('closing'),
      closed: () => log.push('closed'),
      free: () => log.push('free'),
    }));

  it('removes the layer: signals pass, and none of its methods is called', () => {
    const log: string[] = [];
    const driver = new DirectDriver(leaving(log));
    driver.wire.emit(data('x'), data('y'));
    driver.app.next(data('z'));
    driver.app.complete();
    driver.wire.complete();
    expect(log).toEqual(['up data']);
    expect(inWords(driver.up)).toEqual(['data x', 'data y']);
    expect(inWords(driver.wire.down)).toEqual(['data z']);
    expect([driver.wire.flow, driver.state]).toEqual(['complete', 'complete']);
  });

  it('may be called by the constructor', () => {
    const log: string[] = [];
    const driver = new DirectDriver(
      plugin((context) => {
        context.leave();
        return { up: () => log.push('up'), free: () => log.push('free') };
      }),
    );
    driver.wire.emit(data('a'));
    driver.unsubscribe();
    expect([log, inWords(driver.up), driver.wire.freed]).toEqual([[], ['data a'], true]);
  });

  it('does nothing after the wire below has ended: the layer still drains', () => {
    let end = (): void => {};
    const driver = new DirectDriver(
      plugin((context) => ({
        drain: (done) => {
          context.leave();
          end = done;
        },
        closing: () => {
          context.up.next(data('rest'));
        },
      })),
    );
    driver.wire.complete();
    expect(driver.state).toBe('open');
    driver.app.complete();
    expect([inWords(driver.up), driver.state]).toEqual([['data rest'], 'complete']);
    end();
  });

  it('does nothing after the layer is freed', () => {
    let leave = (): void => {};
    const driver = new DirectDriver(plugin((context) => ((leave = () => context.leave()), {})));
    driver.unsubscribe();
    leave();
    driver.wire.emit(data('late'));
    driver.app.next(data('late'));
    expect([driver.up, driver.wire.down]).toEqual([[], []]);
  });
});
