import { Observable, ReplaySubject, type Observer, type OperatorFunction, type Subscriber } from 'rxjs';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import type { Dial, Flow, Up, Wire } from './signal.ts';

type Down = Observer<Flow>;

/**
 * The two outputs of a layer: `up` to the application, `down` to the wire below. After the wire below has ended, `down` ignores
 * signals. Completing it then ends Up in the same way as the wire ended.
 */
export interface LayerContext {
  readonly up: Subscriber<Up>;
  readonly down: Down;
  readonly dial: Dial;
}

/**
 * Processes the signals of both directions in a layer with state. Created for each subscription. If a method throws, Up errors
 * and the wire below is freed.
 */
export interface Layer {
  /** Processes an outbound signal, from the application's side. */
  down(signal: Flow): void;
  /** Processes an inbound signal, from the wire below. */
  up(signal: Up): void;
  /**
   * Called when the application closes: flushes the buffer and sends the goodbye of the protocol. Afterwards the wire below is
   * completed. A layer that needs time for it returns true, and completes `ports.down` itself.
   */
  closing?(): boolean | void;
  /** Called when the wire below completes. May still emit inbound signals. If it throws, Up errors with the thrown value. */
  closed?(): void;
  /** Maps the error of the wire below to the error of Up. Without this method the error stays the same. */
  failed?(error: unknown): unknown;
  /**
   * Called when the wire below has completed or errored: emits the buffered bytes, then calls `end`. `end` ends Up in the same
   * way as the wire ended. Without this method Up ends at once.
   *
   * Until `end` is called, outbound signals still arrive. If the application closes, `closing` is called as usual, and
   * `ports.down.complete()` ends Up. If it resets, Up errors with its reason.
   */
  drain?(end: () => void): void;
  /** Frees timers and buffers. Called once, however the layer ends, and before a reset is sent. No signal arrives after it. */
  free?(): void;
}

/** Replaces a freed layer: ignores all signals. */
const DETACHED: Layer = { down: () => undefined, up: () => undefined };

/**
 * Puts a layer with state on a wire. Passes completion, errors and unsubscription through in both directions. The layer only
 * processes signals.
 *
 * @param wire the wire below.
 * @param dial the request that the wire below gets.
 * @param make creates the layer's state. Called at each subscription, before the wire dials.
 */
export function layer(wire: Wire, dial: Dial, make: (ports: LayerContext) => Layer): OperatorFunction<Flow, Up> {
  const below = wire(dial);
  return (flow$) =>
    new Observable<Up>((up) => {
      const fail = (error: unknown): void => up.error(error);
      let state: Layer | undefined;
      let ports: { up: Subscriber<Up>; down: Down; dial: Dial } | undefined;
      /** Outbound signals. Buffered until the wire below subscribes, if it emits before that. */
      let unheard: ReplaySubject<Flow> | undefined;
      const leave = (): void => {
        const made = state;
        state = DETACHED;
        made?.free?.();
      };
      const fromAbove = guardedSubscriber<Flow>({
        next: (signal) => state?.down(signal),
        error: (error: unknown) => {
          leave();
          ports?.down.error(error);
        },
        complete: () => {
          if (state?.closing?.() !== true) ports?.down.complete();
        },
        caught: fail,
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
        // A layer with `drain` gets outbound signals until Up ends, any other layer only while the wire below is subscribed.
        if (!state?.drain) down.add(fromAbove);
        flow$.subscribe(fromAbove);
      });
      const over = (end: () => void): void => {
        if (ports) ports.down = { next: () => undefined, error: fail, complete: end };
        if (state?.drain) state.drain(end);
        else end();
      };
      const fromBelow = guardedSubscriber<Up>({
        next: (signal) => (state ?? begin((unheard = new ReplaySubject<Flow>(Infinity)))).up(signal),
        error: (error: unknown) => {
          const reason = state?.failed ? state.failed(error) : error;
          over(() => fail(reason));
        },
        complete: () => {
          state?.closed?.();
          over(() => up.complete());
        },
        caught: fail,
      });
      up.add(fromAbove);
      up.add(fromBelow);
      flowBelow$.pipe(below).subscribe(fromBelow);
    });
}
