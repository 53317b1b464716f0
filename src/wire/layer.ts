import { Observable, ReplaySubject, type Observer, type OperatorFunction, type Subscriber } from 'rxjs';
import { inlet } from './operate.ts';
import type { Dial, Flow, Up, Wire } from './signal.ts';

type Down = Observer<Flow>;

/**
 * The two ways out of a layer: `up` to the application, `down` to the wire below. When the wire is over, `down` takes signals to
 * nowhere; completed, it ends Up as the wire ended.
 */
export interface Ports {
  readonly up: Subscriber<Up>;
  readonly down: Down;
  readonly dial: Dial;
}

/**
 * What a layer with state does with the signals of both directions. Made anew for each subscription. A throw in any of these
 * errors Up and frees the wire below.
 */
export interface Layer {
  /** A signal from the application's side. */
  down(signal: Flow): void;
  /** A signal from the wire below. */
  up(signal: Up): void;
  /**
   * The application closed: hand down what is held, say farewell. Then the wire below is completed; by the layer itself
   * (`ports.down`) if that takes time, which it says by returning true.
   */
  closing?(): boolean | void;
  /** The wire below is done: something more may be handed up. A throw is what Up errors with instead. */
  closed?(): void;
  /** The wire below failed: what Up errors with. By default the same. */
  failed?(error: unknown): unknown;
  /**
   * The wire below is over, in either way: hand up what is held, and call `end` behind it, which ends Up as the wire ended; by
   * default at once. Until then the application is heard. If it closes, `closing` is asked as ever, and `ports.down.complete()`
   * ends Up; if it resets, Up errors with its reason.
   */
  drain?(end: () => void): void;
  /** Frees timers and what is held; called once, however it ends, and before a reset goes down. No signal comes after it. */
  free?(): void;
}

/** Stands where a layer was. */
const GONE: Layer = { down: () => undefined, up: () => undefined };

/**
 * Lays a layer with state on a wire. Completion, errors and unsubscription pass through both ways; the layer only says what
 * it does with signals.
 *
 * @param wire the wire below.
 * @param dial what the wire below is asked for.
 * @param make makes the layer's state; called at each subscription, before anything is dialled.
 */
export function layer(wire: Wire, dial: Dial, make: (ports: Ports) => Layer): OperatorFunction<Flow, Up> {
  const below = wire(dial);
  return (flow$) =>
    new Observable<Up>((up) => {
      const fail = (error: unknown): void => up.error(error);
      let state: Layer | undefined;
      let ports: { up: Subscriber<Up>; down: Down; dial: Dial } | undefined;
      /** What is said to a wire that speaks before it listens. */
      let unheard: ReplaySubject<Flow> | undefined;
      const leave = (): void => {
        const made = state;
        state = GONE;
        made?.free?.();
      };
      const fromAbove = inlet<Flow>({
        next: (signal) => state?.down(signal),
        error: (error: unknown) => {
          leave();
          ports?.down.error(error);
        },
        complete: () => {
          if (state?.closing?.() !== true) ports?.down.complete();
        },
        fail,
      });
      const begin = (down: Down): Layer => {
        ports = { up, down, dial };
        state = make(ports);
        up.add(leave);
        return state;
      };
      const flowBelow$ = new Observable<Flow>((down) => {
        unheard?.subscribe(down);
        if (ports) ports.down = down;
        else begin(down);
        // Who holds something hears the application until Up has ended, all others while the wire below listens.
        if (!state?.drain) down.add(fromAbove);
        flow$.subscribe(fromAbove);
      });
      const over = (end: () => void): void => {
        if (ports) ports.down = { next: () => undefined, error: fail, complete: end };
        if (state?.drain) state.drain(end);
        else end();
      };
      const fromBelow = inlet<Up>({
        next: (signal) => (state ?? begin((unheard = new ReplaySubject<Flow>(Infinity)))).up(signal),
        error: (error: unknown) => {
          const reason = state?.failed ? state.failed(error) : error;
          over(() => fail(reason));
        },
        complete: () => {
          state?.closed?.();
          over(() => up.complete());
        },
        fail,
      });
      up.add(fromAbove);
      up.add(fromBelow);
      flowBelow$.pipe(below).subscribe(fromBelow);
    });
}
