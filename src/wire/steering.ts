import type { Ports } from './layer.ts';
import { PAUSE, RESUME } from './signal.ts';

/** One direction of a layer with a buffer. */
export interface HoldingLane {
  /** Whether its sender must pause. `waits` is true if it is paused already: it then resumes only if there is enough room. */
  isFull(waits: boolean): boolean;
}

/**
 * Controls `pause` and `resume` of a layer with a buffer in each direction. A side is paused while the other side requests it, or
 * while the buffer that it fills is full.
 */
export class Steering {
  /** Whether each side has requested a pause. Call `balance` after a change. */
  appPaused = false;
  wirePaused = false;
  /** Whether each side was last sent `pause`. */
  #toldApp = false;
  #toldWire = false;
  readonly #ports: Ports;
  readonly #downward: HoldingLane;
  readonly #upward: HoldingLane;

  constructor(ports: Ports, downward: HoldingLane, upward: HoldingLane) {
    this.#ports = ports;
    this.#downward = downward;
    this.#upward = upward;
  }

  /** Recomputes the state of both sides. Emits `pause` or `resume` to each side whose state has changed. */
  balance(): void {
    const { up, down } = this.#ports;
    const app = this.wirePaused || this.#downward.isFull(this.#toldApp);
    const wire = this.appPaused || this.#upward.isFull(this.#toldWire);
    const tellApp = app !== this.#toldApp;
    const tellWire = wire !== this.#toldWire;
    // Store both states before emitting: a side may answer from inside `next`.
    this.#toldApp = app;
    this.#toldWire = wire;
    if (tellApp) up.next(app ? PAUSE : RESUME);
    if (tellWire) down.next(wire ? PAUSE : RESUME);
  }
}
