import { concat, EMPTY, filter, NEVER, Observable, of, Subject, take, throwError, type MonoTypeOperatorFunction } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { testDial } from '../../src/testing/test-dial.ts';
import { layer, type Layer, type LayerContext } from '../../src/wire/layer.ts';
import { END, type Flow, type Up, type Wire } from '../../src/wire/signal.ts';
import { data, inWords, sent } from '../support/signal-text.ts';
import { PluginDriver } from '../support/plugin-driver.ts';
import { echo, plugin, run } from '../support/layer-tools.ts';

const boom = (): never => {
  throw new Error('boom');
};

describe('layer', () => {
  it('does nothing before it is subscribed', () => {
    let made = 0;
    const wire: Wire = () => () => NEVER;
    const up$ = NEVER.pipe(layer(wire, testDial(), () => ((made += 1), { down() {}, up() {} })));
    expect(made).toBe(0);
    up$.subscribe().unsubscribe();
  });

  it('passes on no signal, one and many', () => {
    expect(run(NEVER)).toEqual(['connected']);
    expect(run(EMPTY)).toEqual(['connected', 'complete']);
    expect(run(of(data('a')))).toEqual(['connected', 'data a', 'complete']);
    expect(run(of(data('a'), data('b'), END))).toEqual(['connected', 'data a', 'data b', 'end', 'complete']);
  });

  it('passes an error of the application to the wire, and one of the wire to the application', () => {
    const why = new Error('why');
    expect(run(throwError(() => why))).toEqual(['connected', why]);
    const driver = new PluginDriver(plugin());
    driver.wire.fail(why);
    expect(driver).toMatchObject({ state: 'error', error: why });
    expect(driver.app.observed).toBe(false);
  });

  it('creates new state for each subscription', () => {
    const seen: number[] = [];
    const count = layer(echo, testDial(), ({ up }) => {
      let state = 0;
      return { down: () => seen.push((state += 1)), up: (signal) => up.next(signal) };
    });
    const up$ = of(data('a'), data('b')).pipe(count);
    up$.subscribe();
    up$.subscribe();
    expect(seen).toEqual([1, 2, 1, 2]);
  });

  it('dials the wire below once for each subscription, with its own dial', () => {
    const dial = testDial({ layer: 'me' });
    const driver = new PluginDriver(plugin(), { dial });
    expect(driver.wire).toMatchObject({ dials: [dial], subscriptions: 1 });
  });

  it('calls the wire when it is dialled, so that a throw of the wire is thrown by the dial', () => {
    const wire: Wire = () => {
      throw new TypeError('no target');
    };
    expect(() => plugin()(wire)(testDial())).toThrow(TypeError);
  });

  describe('throws', () => {
    it('a throw in `down` errors Up, and frees the wire and the source', () => {
      const driver = new PluginDriver(plugin(() => ({ down: boom })));
      driver.app.next(data('a'));
      expect(driver).toMatchObject({ state: 'error', error: new Error('boom') });
      expect(driver.wire).toMatchObject({ freed: true, down: [] });
      expect(driver.app.observed).toBe(false);
    });

    it('a throw in `up` errors Up, and frees the wire and the source', () => {
      const driver = new PluginDriver(plugin(() => ({ up: boom })));
      driver.wire.connect();
      expect(driver).toMatchObject({ state: 'error', error: new Error('boom') });
      expect(driver.wire.freed).toBe(true);
      expect(driver.app.observed).toBe(false);
    });

    it('a throw in `closing` errors Up and frees the wire', () => {
      const driver = new PluginDriver(plugin(() => ({ closing: boom })));
      driver.app.complete();
      expect(driver).toMatchObject({ state: 'error', error: new Error('boom') });
      expect(driver.wire).toMatchObject({ freed: true });
    });

    it('a throw in `closed` errors Up instead of completing it', () => {
      const driver = new PluginDriver(plugin(() => ({ closed: boom })));
      driver.wire.complete();
      expect(driver).toMatchObject({ state: 'error', error: new Error('boom') });
    });

    it('a throw of the constructor errors Up, and keeps the wire from dialling later', () => {
      let dialled = false;
      const wire: Wire = () => (flow$) =>
        new Observable<Up>((up) => {
          flow$.subscribe({ error: (error: unknown) => up.error(error) });
          if (!up.closed) dialled = true;
        });
      expect(run(NEVER, boom, wire)).toEqual([new Error('boom')]);
      expect(dialled).toBe(false);
    });

    it('a throw from inside a synchronous answer errors Up once', () => {
      expect(run(of(data('a'), data('b')), ({ up }) => ({ up: (signal) => (signal.kind === 'data' ? boom() : up.next(signal)) }))).toEqual([
        'connected',
        new Error('boom'),
      ]);
    });

    it('a throw never reaches the caller of `next`, nor completes the stream', () => {
      const driver = new PluginDriver(plugin(() => ({ down: boom })));
      expect(() => {
        driver.app.next(data('a'));
        driver.app.next(data('b'));
        driver.app.complete();
      }).not.toThrow();
      expect(driver.state).toBe('error');
    });
  });

  describe('synchronous sources', () => {
    it('a synchronous source of the application stops when the subscriber unsubscribes', () => {
      let produced = 0;
      const endless$ = new Observable<Flow>((out) => {
        while (!out.closed && produced < 1000) {
          produced += 1;
          out.next(data('x'));
        }
      });
      endless$.pipe(plugin()(echo)(testDial()), takeData(3)).subscribe();
      expect(produced).toBe(3);
    });

    it('a synchronous source of the wire stops when the subscriber unsubscribes', () => {
      let produced = 0;
      const wire: Wire = () => (flow$) =>
        new Observable<Up>((up) => {
          flow$.subscribe();
          while (!up.closed && produced < 1000) {
            produced += 1;
            up.next(data('x'));
          }
        });
      NEVER.pipe(plugin()(wire)(testDial()), takeData(3)).subscribe();
      expect(produced).toBe(3);
    });

    it('synchronous sources stop when a handler throws', () => {
      let produced = 0;
      const endless$ = new Observable<Flow>((out) => {
        while (!out.closed && produced < 1000) {
          produced += 1;
          out.next(data('x'));
        }
      });
      expect(run(endless$, () => ({ down: boom }))).toEqual(['connected', new Error('boom')]);
      expect(produced).toBe(1);
    });
  });

  describe('the end', () => {
    it('calls `closing`, whose goodbye is sent before the wire below completes', () => {
      const driver = new PluginDriver(plugin(({ down }) => ({ closing: () => down.next(data('bye')) })));
      driver.app.complete();
      expect(inWords(driver.wire.down)).toEqual(['data bye']);
      expect(driver.wire.flow).toBe('complete');
      expect(driver.state).toBe('open');
      driver.wire.emit(sent(3));
      driver.wire.complete();
      expect(inWords(driver.up)).toEqual(['sent 3']);
      expect(driver.state).toBe('complete');
    });

    it('calls `closed`, whose buffered bytes are emitted before Up completes', () => {
      const driver = new PluginDriver(plugin(({ up }) => ({ closed: () => up.next(data('rest')) })));
      driver.wire.complete();
      expect(inWords(driver.up)).toEqual(['data rest']);
      expect(driver.state).toBe('complete');
    });

    it('does not call `closing` on an error or unsubscribe', () => {
      let farewells = 0;
      const rides = [0, 1].map(() => new PluginDriver(plugin(() => ({ closing: () => void (farewells += 1) }))));
      rides[0]?.app.error(new Error('why'));
      rides[1]?.unsubscribe();
      expect(farewells).toBe(0);
      expect(rides.map(({ wire }) => wire.flow)).toEqual(['error', 'unsubscribed']);
    });

    it.each<[string, (driver: PluginDriver) => void]>([
      ['completion of the wire', (driver) => driver.wire.complete()],
      ['an error of the wire', (driver) => driver.wire.fail(new Error('why'))],
      ['an error of the application', (driver) => driver.app.error(new Error('why'))],
      ['unsubscribe', (driver) => driver.unsubscribe()],
      ['a throw', (driver) => driver.wire.connect()],
    ])('frees the layer once, after %s', (_, end) => {
      let freed = 0;
      const driver = new PluginDriver(plugin(() => ({ up: boom, free: () => (freed += 1) })));
      end(driver);
      driver.unsubscribe();
      expect(freed).toBe(1);
      expect(driver.app.observed).toBe(false);
    });

    it('frees the layer before it resets the wire, so that no buffered byte is sent', () => {
      const flows: string[] = [];
      const driver: PluginDriver = new PluginDriver(plugin(() => ({ free: () => flows.push(driver.wire.flow) })));
      driver.app.error(new Error('why'));
      expect([flows, driver.wire.flow]).toEqual([['open'], 'error']);
    });

    it('errors Up after a reset with the unchanged reason, whatever the wire still emits', () => {
      const late: Wire = () => (flow$) =>
        new Observable<Up>((up) => {
          flow$.subscribe({
            error: (error: unknown) => {
              up.next(data('late'));
              up.error(error);
            },
          });
        });
      const why = new Error('why');
      const waits = (): Partial<Layer> => ({ failed: () => new Error('else'), drain: () => {} });
      expect(
        run(
          throwError(() => why),
          waits,
          late,
        ),
      ).toEqual([why]);
    });

    it.each([
      ['is not heard any more', 'unless it drains', {}, ['data a'], false],
      ['is heard', 'if it drains', { drain: () => {} }, ['data a', 'end'], true],
    ])('%s by the layer when the wire listens no more, %s', (_, _when, drains, words, ended) => {
      const deaf: Wire = () => (flow$) => concat(flow$.pipe(take(1)), NEVER);
      const heard: Flow[] = [];
      const hearing = ({ up, down }: LayerContext): Partial<Layer> => ({
        ...drains,
        down: (signal) => {
          heard.push(signal);
          down.next(signal);
        },
        closing: () => (up.complete(), true),
      });
      const app = new Subject<Flow>();
      const subscription = app.pipe(plugin(hearing)(deaf)(testDial())).subscribe();
      app.next(data('a'));
      expect(app.observed).toBe(ended);
      app.next(END);
      app.complete();
      expect([inWords(heard), subscription.closed]).toEqual([words, ended]);
      subscription.unsubscribe();
    });

    it('frees a layer whose constructor has ended Up', () => {
      let freed = 0;
      const driver = new PluginDriver(
        plugin(({ up }) => {
          up.error(new Error('why'));
          return { free: () => (freed += 1) };
        }),
      );
      expect([driver.state, freed]).toEqual(['error', 1]);
    });

    it('emits nothing after unsubscribe, in both directions', () => {
      const driver = new PluginDriver(plugin());
      driver.wire.connect();
      driver.unsubscribe();
      driver.wire.emit(data('late'));
      driver.app.next(data('late'));
      expect(inWords(driver.up)).toEqual(['connected']);
      expect(driver.wire.down).toEqual([]);
    });

    it('emits nothing after the subscriber unsubscribes inside `next`', () => {
      const driver = new PluginDriver(plugin(), { seen: (_, { unsubscribe }) => unsubscribe.call(driver) });
      driver.wire.emit(data('a'), data('b'));
      expect(inWords(driver.up)).toEqual(['data a']);
    });
  });

  describe('on a wire that emits before it subscribes to its flow', () => {
    const early: Wire = () => (flow$) => concat(of<Up>({ kind: 'connected', details: [] }), flow$);

    it('the layer passes signals to the application, and its outbound signals are buffered', () => {
      const hello = ({ up, down }: LayerContext): Partial<Layer> => ({
        up: (signal) => {
          up.next(signal);
          if (signal.kind === 'connected') down.next(data('hello'));
        },
      });
      expect(run(of(data('a'), END), hello, early)).toEqual(['connected', 'data hello', 'data a', 'end', 'complete']);
    });

    it('the layer is created once', () => {
      let made = 0;
      run(of(data('a')), () => ((made += 1), {}), early);
      expect(made).toBe(1);
    });

    it('a throw of the constructor errors Up', () => {
      expect(run(NEVER, boom, early)).toEqual([new Error('boom')]);
    });

    it('the layer works although the wire never subscribes to its flow', () => {
      const canned: Wire = () => () => of<Up[]>({ kind: 'connected', details: [] }, data('a'), END);
      expect(run(NEVER, undefined, canned)).toEqual(['connected', 'data a', 'end', 'complete']);
    });
  });

  it('does not deepen the stack with the number of signals', () => {
    const app = new Subject<Flow>();
    let seen = 0;
    app.pipe(plugin()(plugin()(plugin()(echo)))(testDial())).subscribe(() => (seen += 1));
    for (let turn = 0; turn < 10_000; turn += 1) app.next(data('x'));
    expect(seen).toBe(10_001);
  });
});

/** Like `take`, for data signals: leaves from inside `next`. */
function takeData(count: number): MonoTypeOperatorFunction<Up> {
  return (up$) =>
    up$.pipe(
      filter(({ kind }) => kind === 'data'),
      take(count),
    );
}
