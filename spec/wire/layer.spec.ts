import { concat, EMPTY, filter, NEVER, Observable, of, Subject, take, throwError, type MonoTypeOperatorFunction } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { testDial } from '../../src/testing/test-dial.ts';
import { layer, type Layer, type Ports } from '../../src/wire/layer.ts';
import { END, type Flow, type Plugin, type Up, type Wire } from '../../src/wire/signal.ts';
import { data, inWords, Ride, sent } from '../support/scripted-wire.ts';

const boom = (): never => {
  throw new Error('boom');
};

/** A plugin that passes all on, but for what is said otherwise. */
function plugin(over: (ports: Ports) => Partial<Layer> = () => ({})): Plugin {
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

function run(flow$: Observable<Flow>, over?: (ports: Ports) => Partial<Layer>, wire = echo): unknown[] {
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
    const ride = new Ride(plugin());
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
    const ride = new Ride(plugin(), { dial });
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
      const ride = new Ride(plugin(() => ({ down: boom })));
      ride.app.next(data('a'));
      expect(ride).toMatchObject({ state: 'error', error: new Error('boom') });
      expect(ride.wire).toMatchObject({ freed: true, down: [] });
      expect(ride.app.observed).toBe(false);
    });

    it('in up: errors Up, frees the wire and the source', () => {
      const ride = new Ride(plugin(() => ({ up: boom })));
      ride.wire.connect();
      expect(ride).toMatchObject({ state: 'error', error: new Error('boom') });
      expect(ride.wire.freed).toBe(true);
      expect(ride.app.observed).toBe(false);
    });

    it('in closing: errors Up and frees the wire', () => {
      const ride = new Ride(plugin(() => ({ closing: boom })));
      ride.app.complete();
      expect(ride).toMatchObject({ state: 'error', error: new Error('boom') });
      expect(ride.wire).toMatchObject({ freed: true });
    });

    it('in closed: errors Up instead of completing it', () => {
      const ride = new Ride(plugin(() => ({ closed: boom })));
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
      const ride = new Ride(plugin(() => ({ down: boom })));
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
      const ride = new Ride(plugin(({ down }) => ({ closing: () => down.next(data('bye')) })));
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
      const ride = new Ride(plugin(({ up }) => ({ closed: () => up.next(data('rest')) })));
      ride.wire.complete();
      expect(inWords(ride.up)).toEqual(['data rest']);
      expect(ride.state).toBe('complete');
    });

    it('says no farewell on an error or unsubscribe', () => {
      let farewells = 0;
      const rides = [0, 1].map(() => new Ride(plugin(() => ({ closing: () => void (farewells += 1) }))));
      rides[0]?.app.error(new Error('why'));
      rides[1]?.unsubscribe();
      expect(farewells).toBe(0);
      expect(rides.map(({ wire }) => wire.flow)).toEqual(['error', 'unsubscribed']);
    });

    it.each<[string, (ride: Ride) => void]>([
      ['completion of the wire', (ride) => ride.wire.complete()],
      ['an error of the wire', (ride) => ride.wire.fail(new Error('why'))],
      ['an error of the application', (ride) => ride.app.error(new Error('why'))],
      ['unsubscribe', (ride) => ride.unsubscribe()],
      ['a throw', (ride) => ride.wire.connect()],
    ])('frees the layer once, after %s', (_, end) => {
      let freed = 0;
      const ride = new Ride(plugin(() => ({ up: boom, free: () => (freed += 1) })));
      end(ride);
      ride.unsubscribe();
      expect(freed).toBe(1);
      expect(ride.app.observed).toBe(false);
    });

    it('is silent after unsubscribe, both ways', () => {
      const ride = new Ride(plugin());
      ride.wire.connect();
      ride.unsubscribe();
      ride.wire.give(data('late'));
      ride.app.next(data('late'));
      expect(inWords(ride.up)).toEqual(['connected']);
      expect(ride.wire.down).toEqual([]);
    });

    it('is silent when the subscriber leaves from inside next', () => {
      const ride = new Ride(plugin(), { seen: (_, { unsubscribe }) => unsubscribe.call(ride) });
      ride.wire.give(data('a'), data('b'));
      expect(inWords(ride.up)).toEqual(['data a']);
    });
  });

  describe('on a wire that speaks before it listens', () => {
    const early: Wire = () => (flow$) => concat(of<Up>({ kind: 'connected', details: [] }), flow$);

    it('hands up what comes, and keeps what the layer says to it', () => {
      const hello = ({ up, down }: Ports): Partial<Layer> => ({
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
