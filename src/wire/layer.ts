import { noop, Observable, ReplaySubject, type Observer, type OperatorFunction, type Subscriber } from 'rxjs';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import type { Mutable } from '../util/mutable.ts';
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
   * completed. A layer that needs time for it returns true, and completes `context.down` itself.
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
   * `context.down.complete()` ends Up. If it resets, Up errors with its reason.
   */
  drain?(end: () => void): void;
  /** Frees timers and buffers. Called once, however the layer ends, and before a reset is sent. No signal arrives after it. */
  free?(): void;
}

/** Replaces a freed layer: ignores all signals. */
const DETACHED: Layer = { down: noop, up: noop };

/**
 * Puts a layer with state on a wire. Passes completion, errors and unsubscription through in both directions. The layer only
 * processes signals.
 *
 * @param wire the wire below.
 * @param dial the request that the wire below gets.
 * @param make creates the layer's state. Called at each subscription, before the wire dials.
 */
export function layer(wire: Wire, dial: Dial, make: (context: LayerContext) => Layer): OperatorFunction<Flow, Up> {
  const below = wire(dial);
  return (flow$) =>
    new Observable<Up>((up) => {
      const fail = (error: unknown): void => up.error(error);
      let state: Layer | undefined;
      let context: Mutable<LayerContext> | undefined;
      /** Outbound signals. Buffered until the wire below subscribes, if it emits before that. */
      let deferred: ReplaySubject<Flow> | undefined;

      const start = (down: Down): Layer => {
        context = { up, down, dial };
        state = make(context);
        up.add(detach);
        return state;
      };
      const detach = (): void => {
        const detached = state;
        state = DETACHED;
        detached?.free?.();
      };
      /** Called when the wire below has ended. The layer drains its buffer, then `end` is called. */
      const drain = (end: () => void): void => {
        if (context) context.down = { next: noop, error: fail, complete: end };
        if (state?.drain) state.drain(end);
        else end();
      };

      const outbound = guardedSubscriber<Flow>({
        next: (signal) => state?.down(signal),
        error: (error: unknown) => {
          detach();
          context?.down.error(error);
        },
        complete: () => {
          if (state?.closing?.() !== true) context?.down.complete();
        },
        caught: fail,
      });
      const inbound = guardedSubscriber<Up>({
        next: (signal) => (state ?? start((deferred = new ReplaySubject<Flow>(Infinity)))).up(signal),
        error: (error: unknown) => {
          const reason = state?.failed ? state.failed(error) : error;
          drain(() => fail(reason));
        },
        complete: () => {
          state?.closed?.();
          drain(() => up.complete());
        },
        caught: fail,
      });
      const flowBelow$ = new Observable<Flow>((down) => {
        deferred?.subscribe(down);
        if (context) context.down = down;
        else start(down);
        // A layer with `drain` gets outbound signals until Up ends, any other layer only while the wire below is subscribed.
        if (!state?.drain) down.add(outbound);
        flow$.subscribe(outbound);
      });
      up.add(outbound);
      up.add(inbound);
      flowBelow$.pipe(below).subscribe(inbound);
    });
}
