import { catchError, concat, EMPTY, filter, NEVER, Observable, of, Subject, take, throwError, type MonoTypeOperatorFunction } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { testDial } from '../../src/testing/test-dial.ts';
import { layer, type Layer, type LayerContext } from '../../src/wire/layer.ts';
import { END, type Flow, type Plugin, type Up, type Wire } from '../../src/wire/signal.ts';
import { data, inWords, PluginDriver, sent } from '../support/scripted-wire.ts';

const boom = (): never => {
  throw new Error('boom');
};

/** A plugin that passes all on, but for what is said otherwise. */
function plugin(over: (ports: LayerContext) => Partial<Layer> = () => ({})): Plugin {
  return (wire) => (dial) =>
    layer(wire, dial, (ports) => ({
      down: (signal) => ports.down.next(signal),
      up: (signal) => ports.up.next(signal),
      ...over(ports),
    }));
}

/** A wire that echoes from inside `next` and completes with its flow. */
const echo: Wire = () => (flow$) =>
  new Observable<Up>((up) => {
    up.next({ kind: 'connected', details: [] });
    flow$.subscribe(up);
  });

function run(flow$: Observable<Flow>, over?: (ports: LayerContext) => Partial<Layer>, wire = echo): unknown[] {
  const log: unknown[] = [];
  const record = (signal: Up): void => void log.push(...inWords([signal]));
  flow$
    .pipe(plugin(over)(wire)(testDial()))
    .subscribe({ next: record, error: (error: unknown) => log.push(error), complete: () => log.push('complete') })
    .unsubscribe();
  return log;
}

describe('layer', () => {
  it('does nothing before it is subscribed', () => {
    let made = 0;
    const wire: Wire = () => () => NEVER;
    const up$ = NEVER.pipe(layer(wire, testDial(), () => ((made += 1), { down() {}, up() {} })));
    expect(made).toBe(0);
    up$.subscribe().unsubscribe();
  });

  it('passes on never, empty, one, many', () => {
    expect(run(NEVER)).toEqual(['connected']);
    expect(run(EMPTY)).toEqual(['connected', 'complete']);
    expect(run(of(data('a')))).toEqual(['connected', 'data a', 'complete']);
    expect(run(of(data('a'), data('b'), END))).toEqual(['connected', 'data a', 'data b', 'end', 'complete']);
  });

  it('passes an error of the application down, and that of the wire up', () => {
    const why = new Error('why');
    expect(run(throwError(() => why))).toEqual(['connected', why]);
    const ride = new PluginDriver(plugin());
    ride.wire.fail(why);
    expect(ride).toMatchObject({ state: 'error', error: why });
    expect(ride.app.observed).toBe(false);
  });

  it('makes new state for each subscription', () => {
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

  it('dials the wire below once for each subscription, with the dial it was given', () => {
    const dial = testDial({ layer: 'me' });
    const ride = new PluginDriver(plugin(), { dial });
    expect(ride.wire).toMatchObject({ dials: [dial], subscriptions: 1 });
  });

  it('asks the wire for its operator when it is dialled, so that what it throws is thrown by the dial', () => {
    const wire: Wire = () => {
      throw new TypeError('no target');
    };
    expect(() => plugin()(wire)(testDial())).toThrow(TypeError);
  });

  describe('throws', () => {
    it('in down: errors Up, frees the wire and the source', () => {
      const ride = new PluginDriver(plugin(() => ({ down: boom })));
      ride.app.next(data('a'));
      expect(ride).toMatchObject({ state: 'error', error: new Error('boom') });
      expect(ride.wire).toMatchObject({ freed: true, down: [] });
      expect(ride.app.observed).toBe(false);
    });

    it('in up: errors Up, frees the wire and the source', () => {
      const ride = new PluginDriver(plugin(() => ({ up: boom })));
      ride.wire.connect();
      expect(ride).toMatchObject({ state: 'error', error: new Error('boom') });
      expect(ride.wire.freed).toBe(true);
      expect(ride.app.observed).toBe(false);
    });

    it('in closing: errors Up and frees the wire', () => {
      const ride = new PluginDriver(plugin(() => ({ closing: boom })));
      ride.app.complete();
      expect(ride).toMatchObject({ state: 'error', error: new Error('boom') });
      expect(ride.wire).toMatchObject({ freed: true });
    });

    it('in closed: errors Up instead of completing it', () => {
      const ride = new PluginDriver(plugin(() => ({ closed: boom })));
      ride.wire.complete();
      expect(ride).toMatchObject({ state: 'error', error: new Error('boom') });
    });

    it('when it is made: errors Up, and a wire that dials later does not', () => {
      let dialled = false;
      const wire: Wire = () => (flow$) =>
        new Observable<Up>((up) => {
          flow$.subscribe({ error: (error: unknown) => up.error(error) });
          if (!up.closed) dialled = true;
        });
      expect(run(NEVER, boom, wire)).toEqual([new Error('boom')]);
      expect(dialled).toBe(false);
    });

    it('from inside a synchronous answer: errors Up once', () => {
      expect(run(of(data('a'), data('b')), ({ up }) => ({ up: (signal) => (signal.kind === 'data' ? boom() : up.next(signal)) }))).toEqual([
        'connected',
        new Error('boom'),
      ]);
    });

    it('never reach the caller of next, nor complete the stream', () => {
      const ride = new PluginDriver(plugin(() => ({ down: boom })));
      expect(() => {
        ride.app.next(data('a'));
        ride.app.next(data('b'));
        ride.app.complete();
      }).not.toThrow();
      expect(ride.state).toBe('error');
    });
  });

  describe('synchronous sources', () => {
    it('of the application stop when the subscriber leaves', () => {
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

    it('of the wire stop when the subscriber leaves', () => {
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

    it('stop when a handler throws', () => {
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
    it('lets the layer say farewell before the wire below completes', () => {
      const ride = new PluginDriver(plugin(({ down }) => ({ closing: () => down.next(data('bye')) })));
      ride.app.complete();
      expect(inWords(ride.wire.down)).toEqual(['data bye']);
      expect(ride.wire.flow).toBe('complete');
      expect(ride.state).toBe('open');
      ride.wire.give(sent(3));
      ride.wire.complete();
      expect(inWords(ride.up)).toEqual(['sent 3']);
      expect(ride.state).toBe('complete');
    });

    it('lets the layer hand up what it holds before Up completes', () => {
      const ride = new PluginDriver(plugin(({ up }) => ({ closed: () => up.next(data('rest')) })));
      ride.wire.complete();
      expect(inWords(ride.up)).toEqual(['data rest']);
      expect(ride.state).toBe('complete');
    });

    it('says no farewell on an error or unsubscribe', () => {
      let farewells = 0;
      const rides = [0, 1].map(() => new PluginDriver(plugin(() => ({ closing: () => void (farewells += 1) }))));
      rides[0]?.app.error(new Error('why'));
      rides[1]?.unsubscribe();
      expect(farewells).toBe(0);
      expect(rides.map(({ wire }) => wire.flow)).toEqual(['error', 'unsubscribed']);
    });

    it.each<[string, (ride: PluginDriver) => void]>([
      ['completion of the wire', (ride) => ride.wire.complete()],
      ['an error of the wire', (ride) => ride.wire.fail(new Error('why'))],
      ['an error of the application', (ride) => ride.app.error(new Error('why'))],
      ['unsubscribe', (ride) => ride.unsubscribe()],
      ['a throw', (ride) => ride.wire.connect()],
    ])('frees the layer once, after %s', (_, end) => {
      let freed = 0;
      const ride = new PluginDriver(plugin(() => ({ up: boom, free: () => (freed += 1) })));
      end(ride);
      ride.unsubscribe();
      expect(freed).toBe(1);
      expect(ride.app.observed).toBe(false);
    });

    it('frees the layer before it resets the wire: what it holds has nowhere to go', () => {
      const flows: string[] = [];
      const ride: PluginDriver = new PluginDriver(plugin(() => ({ free: () => flows.push(ride.wire.flow) })));
      ride.app.error(new Error('why'));
      expect([flows, ride.wire.flow]).toEqual([['open'], 'error']);
    });

    it('comes after a reset whatever the wire still gives, and with the reason as it is', () => {
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

    it('frees a layer that has ended Up in its making', () => {
      let freed = 0;
      const ride = new PluginDriver(
        plugin(({ up }) => {
          up.error(new Error('why'));
          return { free: () => (freed += 1) };
        }),
      );
      expect([ride.state, freed]).toEqual(['error', 1]);
    });

    it('is silent after unsubscribe, both ways', () => {
      const ride = new PluginDriver(plugin());
      ride.wire.connect();
      ride.unsubscribe();
      ride.wire.give(data('late'));
      ride.app.next(data('late'));
      expect(inWords(ride.up)).toEqual(['connected']);
      expect(ride.wire.down).toEqual([]);
    });

    it('is silent when the subscriber leaves from inside next', () => {
      const ride = new PluginDriver(plugin(), { seen: (_, { unsubscribe }) => unsubscribe.call(ride) });
      ride.wire.give(data('a'), data('b'));
      expect(inWords(ride.up)).toEqual(['data a']);
    });
  });

  describe('a layer that holds something when the wire is over', () => {
    /** Holds data until it is resumed, and then the end of Up. */
    const holding = (freed: () => void = () => {}): Plugin =>
      plugin(({ up, ...ports }) => {
        const held: Up[] = [];
        let end: (() => void) | undefined;
        return {
          up: (signal) => void held.push(signal),
          down: (signal) => {
            ports.down.next(signal);
            if (signal.kind !== 'resume') return;
            for (const signal of held.splice(0)) up.next(signal);
            end?.();
          },
          drain: (then) => {
            end = then;
            if (held.length === 0) end();
          },
          free: freed,
        };
      });
    const ends: readonly [string, (ride: PluginDriver) => void, Pick<PluginDriver, 'state' | 'error'>][] = [
      ['is done', ({ wire }) => wire.complete(), { state: 'complete', error: undefined }],
      ['has failed', ({ wire }) => wire.fail(new Error('gone')), { state: 'error', error: new Error('gone') }],
    ];

    describe.each(ends)('which %s', (_, over, outcome) => {
      const waiting = (freed?: () => void, plugin = holding(freed)): PluginDriver => {
        const ride = new PluginDriver(plugin);
        ride.wire.give(data('held'));
        over(ride);
        expect([ride.state, ride.up, ride.wire.freed, ride.app.observed]).toEqual(['open', [], true, true]);
        return ride;
      };

      it('ends Up at once when it holds nothing', () => {
        const ride = new PluginDriver(holding());
        over(ride);
        expect(ride).toMatchObject(outcome);
      });

      it('hears the application, and ends Up as the wire ended', () => {
        const ride = waiting();
        ride.app.next({ kind: 'pause' });
        ride.app.next(data('late'));
        expect([ride.state, ride.wire.down]).toEqual(['open', []]);
        ride.app.next({ kind: 'resume' });
        expect([inWords(ride.up), ride.app.observed]).toEqual([['data held'], false]);
        expect(ride).toMatchObject(outcome);
      });

      it('gives it up when the application closes: Up ends as the wire ended', () => {
        const ride = waiting();
        ride.app.complete();
        expect(ride.up).toEqual([]);
        expect(ride).toMatchObject(outcome);
      });

      it('gives it up when the application resets: Up errors with the reason', () => {
        const ride = waiting();
        ride.app.error(new Error('enough'));
        expect(ride).toMatchObject({ up: [], state: 'error', error: new Error('enough') });
      });

      it('hears it also when the wire has left its flow before', () => {
        const early: Plugin = (wire) => (dial) => (flow$) =>
          concat(
            flow$.pipe(
              wire(dial),
              catchError((error: unknown) => throwError(() => error)),
            ),
            EMPTY,
          );
        const ride = waiting(undefined, (wire) => holding()(early(wire)));
        ride.app.next({ kind: 'resume' });
        expect(inWords(ride.up)).toEqual(['data held']);
        expect(ride).toMatchObject(outcome);
      });

      it('lies on another of its kind', () => {
        const both = waiting(undefined, (wire) => holding()(holding()(wire)));
        both.app.next({ kind: 'resume' });
        expect(inWords(both.up)).toEqual(['data held']);
        expect(both).toMatchObject(outcome);
      });

      it.each<[string, (ride: PluginDriver) => void]>([
        ['all has gone up', ({ app }) => app.next({ kind: 'resume' })],
        ['the application closes', ({ app }) => app.complete()],
        ['the application resets', ({ app }) => app.error(new Error('enough'))],
        ['the subscriber leaves', (ride) => ride.unsubscribe()],
      ])('is freed once when %s', (_, leaves) => {
        let freed = 0;
        const ride = waiting(() => (freed += 1));
        expect(freed).toBe(0);
        leaves(ride);
        expect([freed, ride.app.observed]).toEqual([1, false]);
      });
    });

    it('hands all up when the wire is over from inside what the layer says to it', () => {
      const ride = new PluginDriver(holding());
      ride.wire.answer = ({ kind }) => kind === 'resume' && ride.wire.complete();
      ride.wire.give(data('held'));
      ride.app.next({ kind: 'resume' });
      expect([inWords(ride.up), ride.state]).toEqual([['data held'], 'complete']);
    });

    it('errors Up with a throw in drain', () => {
      const ride = new PluginDriver(plugin(() => ({ drain: boom })));
      ride.wire.complete();
      expect(ride).toMatchObject({ state: 'error', error: new Error('boom') });
    });
  });

  describe('on a wire that speaks before it listens', () => {
    const early: Wire = () => (flow$) => concat(of<Up>({ kind: 'connected', details: [] }), flow$);

    it('hands up what comes, and keeps what the layer says to it', () => {
      const hello = ({ up, down }: LayerContext): Partial<Layer> => ({
        up: (signal) => {
          up.next(signal);
          if (signal.kind === 'connected') down.next(data('hello'));
        },
      });
      expect(run(of(data('a'), END), hello, early)).toEqual(['connected', 'data hello', 'data a', 'end', 'complete']);
    });

    it('makes its state once', () => {
      let made = 0;
      run(of(data('a')), () => ((made += 1), {}), early);
      expect(made).toBe(1);
    });

    it('errors with a throw of its making', () => {
      expect(run(NEVER, boom, early)).toEqual([new Error('boom')]);
    });

    it('works when it never listens', () => {
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
