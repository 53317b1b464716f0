import type { LayerContext } from './layer.ts';
import { PAUSE, RESUME } from './signal.ts';

/** One direction of a layer with a buffer. */
export interface BufferedDirection {
  /** Whether its sender must pause. `isPaused` is true if it is paused already: it then resumes only if there is enough room. */
  isFull(isPaused: boolean): boolean;
}

/**
 * Controls `pause` and `resume` of a layer with a buffer in each direction. A side is paused while the other side requests it, or
 * while the buffer that it fills is full.
 */
export class FlowControl {
  /** Whether each side has requested a pause. Call `update` after a change. */
  appPaused = false;
  wirePaused = false;
  /** Whether each side was last sent `pause`. */
  #appWasPaused = false;
  #wireWasPaused = false;
  readonly #context: LayerContext;
  readonly #outbound: BufferedDirection;
  readonly #inbound: BufferedDirection;

  constructor(context: LayerContext, outbound: BufferedDirection, inbound: BufferedDirection) {
    this.#context = context;
    this.#outbound = outbound;
    this.#inbound = inbound;
  }

  /** Recomputes the state of both sides. Emits `pause` or `resume` to each side whose state has changed. */
  update(): void {
    const { up, down } = this.#context;
    const app = this.wirePaused || this.#outbound.isFull(this.#appWasPaused);
    const wire = this.appPaused || this.#inbound.isFull(this.#wireWasPaused);
    const isAppChanged = app !== this.#appWasPaused;
    const isWireChanged = wire !== this.#wireWasPaused;
    // Store both states before emitting: a side may answer from inside `next`.
    this.#appWasPaused = app;
    this.#wireWasPaused = wire;
    if (isAppChanged) up.next(app ? PAUSE : RESUME);
    if (isWireChanged) down.next(wire ? PAUSE : RESUME);
  }
}
