import type { LayerContext } from './layer.ts';
import { PAUSE, RESUME } from './signal.ts';

/** One direction of a layer with a buffer. */
export interface BufferedDirection {
  /** Whether its sender must pause. `waits` is true if it is paused already: it then resumes only if there is enough room. */
  isFull(waits: boolean): boolean;
}

/**
 * Controls `pause` and `resume` of a layer with a buffer in each direction. A side is paused while the other side requests it, or
 * while the buffer that it fills is full.
 */
export class FlowControl {
  /** Whether each side has requested a pause. Call `balance` after a change. */
  appPaused = false;
  wirePaused = false;
  /** Whether each side was last sent `pause`. */
  #lastToApp = false;
  #lastToWire = false;
  readonly #ports: LayerContext;
  readonly #downward: BufferedDirection;
  readonly #upward: BufferedDirection;

  constructor(ports: LayerContext, downward: BufferedDirection, upward: BufferedDirection) {
    this.#ports = ports;
    this.#downward = downward;
    this.#upward = upward;
  }

  /** Recomputes the state of both sides. Emits `pause` or `resume` to each side whose state has changed. */
  update(): void {
    const { up, down } = this.#ports;
    const app = this.wirePaused || this.#downward.isFull(this.#lastToApp);
    const wire = this.appPaused || this.#upward.isFull(this.#lastToWire);
    const tellApp = app !== this.#lastToApp;
    const tellWire = wire !== this.#lastToWire;
    // Store both states before emitting: a side may answer from inside `next`.
    this.#lastToApp = app;
    this.#lastToWire = wire;
    if (tellApp) up.next(app ? PAUSE : RESUME);
    if (tellWire) down.next(wire ? PAUSE : RESUME);
  }
}
