import type { Ports } from './layer.ts';
import { PAUSE, RESUME } from './signal.ts';

/** One direction of a layer that holds bytes. */
export interface HoldingLane {
  /** Whether its sender is to wait; `waits` says if he does already, and so goes on only when there is enough room. */
  isFull(waits: boolean): boolean;
}

/**
 * Pause and resume of a layer with a buffer in each direction: a side waits while the other side asked for that, or while the
 * lane that it fills is full.
 */
export class Steering {
  /** Who asked us for a pause; to be followed by `balance`. */
  appPaused = false;
  wirePaused = false;
  /** What we told them. */
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

  /** Something changed: tells both sides to stop and go on, each only when it is news. */
  balance(): void {
    const { up, down } = this.#ports;
    const app = this.wirePaused || this.#downward.isFull(this.#toldApp);
    const wire = this.appPaused || this.#upward.isFull(this.#toldWire);
    const tellApp = app !== this.#toldApp;
    const tellWire = wire !== this.#toldWire;
    // Both are noted before either is told: the answer may come from inside.
    this.#toldApp = app;
    this.#toldWire = wire;
    if (tellApp) up.next(app ? PAUSE : RESUME);
    if (tellWire) down.next(wire ? PAUSE : RESUME);
  }
}
