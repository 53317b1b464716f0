import { noop, type Observer, type OperatorFunction } from 'rxjs';
import { connectTo, direct, type DirectConnection, type FlowSource } from './direct.ts';
import { LayerInbound, LayerOutput, type InboundTarget } from './layer-inbound.ts';
import type { Mutable } from '../util/mutable.ts';
import type { Dial, Flow, Up, Wire } from './signal.ts';
import type { UpTarget } from './up-target.ts';

/**
 * The two outputs of a layer: `up` to the application, `down` to the wire below. After the wire below has ended, `down` ignores
 * signals. Completing it then ends Up in the same way as the wire ended.
 */
export interface LayerContext {
  readonly up: UpTarget;
  readonly down: Observer<Flow>;
  readonly dial: Dial;
  /**
   * Removes the layer, which has nothing more to do: signals pass unchanged from now on, and its memory is free. No method of it is
   * called afterwards, `free` neither. Does nothing after the wire below has ended.
   */
  leave(): void;
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

type MakeLayer = (context: LayerContext) => Layer;

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
export function layer(wire: Wire, dial: Dial, make: MakeLayer): OperatorFunction<Flow, Up> {
  const below = wire(dial);
  return direct((up) => new LayerConnection(up, below, dial, make));
}

/**
 * Connects a layer with its neighbours. Catches the throws of the layer, and ignores signals after an end.
 *
 * ```text
 *   above ── next ────────────────▶ Layer.down ─▶ context.down ─▶ below
 *   above ◀─ emit ◀── context.up ◀── Layer.up ◀──── receive ───── below
 * ```
 *
 * After `leave`, both arrows are one call. Only this object and its {@link LayerInbound} remain, about 150 bytes.
 */
class LayerConnection implements DirectConnection, InboundTarget {
  readonly #above: Observer<Up>;
  readonly #below: DirectConnection;
  /** Creates the layer. Undefined after `start`. */
  #make: MakeLayer | undefined;
  /** Undefined after the layer has left. */
  #layer: Layer | undefined = DETACHED;
  #context: Mutable<LayerContext> | undefined;
  /** Whether the application has closed or reset, the wire below has ended, and Up has ended. */
  #hasFlowEnded = false;
  #hasWireEnded = false;
  #hasUpEnded = false;
  #isFreed = false;

  constructor(above: Observer<Up>, below: OperatorFunction<Flow, Up>, dial: Dial, make: MakeLayer) {
    this.#above = above;
    this.#below = connectTo(below, new LayerInbound(this));
    this.#make = make;
    this.#context = { up: new LayerOutput(this), down: this.#below, dial, leave: () => this.#leave() };
  }

  start(source?: FlowSource): void {
    const context = this.#context;
    const make = this.#make;
    this.#make = undefined;
    this.#attempt(() => {
      if (make && context) this.#attach(make(context));
    });
    // A layer with `drain` gets outbound signals until Up ends, any other layer only while the wire below reads them.
    const kept = source && this.#layer?.drain ? { subscribe: () => source.subscribe(), unsubscribe: noop } : source;
    this.#attempt(() => this.#below.start(this.#isFreed ? undefined : kept));
  }

  /** Uses the new layer, unless its constructor has ended Up or has left. */
  #attach(layer: Layer): void {
    if (this.#isFreed) layer.free?.();
    else if (this.#context) this.#layer = layer;
  }

  // Outbound

  next(signal: Flow): void {
    if (this.#hasFlowEnded) return;
    if (!this.#layer) {
      this.#below.next(signal);
      return;
    }
    try {
      this.#layer.down(signal);
    } catch (error) {
      this.#hasFlowEnded = true;
      this.fail(error);
    }
  }

  error(reason: unknown): void {
    if (this.#hasFlowEnded) return;
    this.#hasFlowEnded = true;
    this.#attempt(() => {
      this.#detach();
      this.#down.error(reason);
    });
  }

  complete(): void {
    if (this.#hasFlowEnded) return;
    this.#hasFlowEnded = true;
    this.#attempt(() => {
      if (this.#layer?.closing?.() !== true) this.#down.complete();
    });
  }

  get #down(): Observer<Flow> {
    return this.#context?.down ?? this.#below;
  }

  // Inbound, from the wire below

  receive(signal: Up): void {
    if (this.#hasWireEnded) return;
    if (!this.#layer) {
      this.#above.next(signal);
      return;
    }
    try {
      this.#layer.up(signal);
    } catch (error) {
      this.#below.unsubscribe();
      this.fail(error);
    }
  }

  wireFailed(error: unknown): void {
    if (this.#hasWireEnded || this.#isFreed) return;
    this.#hasWireEnded = true;
    this.#attempt(() => {
      const reason = this.#layer?.failed ? this.#layer.failed(error) : error;
      this.#drain(() => this.fail(reason));
    });
  }

  wireCompleted(): void {
    if (this.#hasWireEnded || this.#isFreed) return;
    this.#hasWireEnded = true;
    this.#attempt(() => {
      this.#layer?.closed?.();
      this.#drain(() => this.finish());
    });
  }

  /** Lets the layer drain its buffer. Then `end` is called. */
  #drain(end: () => void): void {
    if (this.#context) this.#context.down = { next: noop, error: (error) => this.fail(error), complete: end };
    if (this.#layer?.drain) this.#layer.drain(end);
    else end();
  }

  // Up, to the application

  get hasUpEnded(): boolean {
    return this.#hasUpEnded;
  }

  emit(signal: Up): void {
    if (!this.#hasUpEnded) this.#above.next(signal);
  }

  fail(error: unknown): void {
    if (this.#hasUpEnded) return;
    this.#hasUpEnded = true;
    this.#above.error(error);
    this.unsubscribe();
  }

  finish(): void {
    if (this.#hasUpEnded) return;
    this.#hasUpEnded = true;
    this.#above.complete();
    this.unsubscribe();
  }

  // The end of the layer

  unsubscribe(): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    this.#hasFlowEnded = true;
    this.#hasUpEnded = true;
    this.#below.unsubscribe();
    this.#detach();
  }

  #leave(): void {
    if (this.#hasWireEnded || this.#isFreed) return;
    this.#layer = undefined;
    this.#context = undefined;
  }

  #detach(): void {
    const layer = this.#layer;
    this.#layer = DETACHED;
    layer?.free?.();
  }

  /** Runs a step of the layer. A throw errors Up, and frees the wire below. */
  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.fail(error);
    }
  }
}
