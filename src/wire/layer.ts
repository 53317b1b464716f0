import { Observable, type OperatorFunction, type Subscriber } from 'rxjs';
import { inlet } from './operate.ts';
import type { Dial, Flow, Up, Wire } from './signal.ts';

/** The two ways out of a layer: `up` to the application, `down` to the wire below. */
export interface Ports {
  readonly up: Subscriber<Up>;
  readonly down: Subscriber<Flow>;
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
  /** The wire below is done: hand up what is held. Then Up completes. */
  closed?(): void;
  /** Frees timers and the like; called once, however it ends. */
  free?(): void;
}

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
      const flowBelow$ = new Observable<Flow>((down) => {
        const made = (state = make({ up, down, dial }));
        const fromAbove = inlet<Flow>(
          {
            next: (signal) => made.down(signal),
            error: (error: unknown) => down.error(error),
            complete: () => {
              if (made.closing?.() !== true) down.complete();
            },
          },
          fail,
        );
        down.add(fromAbove);
        flow$.subscribe(fromAbove);
      });
      const fromBelow = inlet<Up>(
        {
          next: (signal) => state?.up(signal),
          error: fail,
          complete: () => {
            state?.closed?.();
            up.complete();
          },
        },
        fail,
      );
      up.add(() => {
        fromBelow.unsubscribe();
        state?.free?.();
      });
      flowBelow$.pipe(below).subscribe(fromBelow);
    });
}
