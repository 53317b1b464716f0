import { Observable, ReplaySubject, type Observer, type OperatorFunction, type Subscriber } from 'rxjs';
import { inlet } from './operate.ts';
import type { Dial, Flow, Up, Wire } from './signal.ts';

type Down = Observer<Flow>;

/** The two ways out of a layer: `up` to the application, `down` to the wire below. */
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
  /** The wire below is done: hand up what is held. Then Up completes. */
  closed?(): void;
  /** The wire below failed: what Up errors with. By default the same. */
  failed?(error: unknown): unknown;
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
      let ports: { up: Subscriber<Up>; down: Down; dial: Dial } | undefined;
      /** What is said to a wire that speaks before it listens. */
      let unheard: ReplaySubject<Flow> | undefined;
      const fromAbove = inlet<Flow>({
        next: (signal) => state?.down(signal),
        error: (error: unknown) => ports?.down.error(error),
        complete: () => {
          if (state?.closing?.() !== true) ports?.down.complete();
        },
        fail,
      });
      const begin = (down: Down): Layer => {
        ports = { up, down, dial };
        return (state = make(ports));
      };
      const flowBelow$ = new Observable<Flow>((down) => {
        down.add(fromAbove);
        unheard?.subscribe(down);
        if (ports) ports.down = down;
        else begin(down);
        flow$.subscribe(fromAbove);
      });
      const fromBelow = inlet<Up>({
        next: (signal) => (state ?? begin((unheard = new ReplaySubject<Flow>(Infinity)))).up(signal),
        error: (error: unknown) => fail(state?.failed ? state.failed(error) : error),
        complete: () => {
          state?.closed?.();
          up.complete();
        },
      });
      up.add(() => {
        fromAbove.unsubscribe();
        fromBelow.unsubscribe();
        state?.free?.();
      });
      flowBelow$.pipe(below).subscribe(fromBelow);
    });
}
