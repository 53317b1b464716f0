import type { Observable, Subscription } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import type { Layer, Ports } from '../wire/layer.ts';
import type { Flow, Up } from '../wire/signal.ts';
import { Steering } from '../wire/steering.ts';
import { after } from '../wire/timer.ts';
import type { Budget } from './throttle-bytes-budget.ts';
import { ThrottleLane } from './throttle-bytes-lane.ts';

/** The budgets of one connection, or of all that share them. */
export interface Budgets {
  readonly down: Budget;
  readonly up: Budget;
  /** While it is subscribed they follow it. */
  readonly rate$: Observable<number>;
}

/** One connection: a lane each way, and who waits for whom. */
export class ThrottleLayer implements Layer {
  readonly #ports: Ports;
  readonly #down: ThrottleLane;
  readonly #up: ThrottleLane;
  /** Ends Up, when the wire is over. */
  #end: (() => void) | undefined;
  #closing = false;
  #closeTimer: Subscription | undefined;
  readonly #steering: Steering;

  constructor(budgets: Budgets, ports: Ports) {
    this.#ports = ports;
    const changed = (): void => this.#balance();
    this.#down = new ThrottleLane(budgets.down, { out: (signal) => ports.down.next(signal), changed });
    this.#up = new ThrottleLane(budgets.up, { out: (signal) => ports.up.next(signal), changed });
    this.#steering = new Steering(ports, this.#down, this.#up);
    const fail = (reason: unknown): void => {
      const error = IOStreamError.from(reason, { phase: 'write', layer: ports.dial.layer });
      ports.down.error(error);
      ports.up.error(error);
    };
    ports.up.add(budgets.rate$.subscribe({ error: fail }));
  }

  down(signal: Flow): void {
    if (signal.kind === 'data' || signal.kind === 'end') this.#down.push(signal);
    else {
      this.#up.paused = this.#steering.appPaused = signal.kind === 'pause';
      this.#balance();
    }
  }

  up(signal: Up): void {
    if (signal.kind === 'pause' || signal.kind === 'resume') {
      const paused = signal.kind === 'pause';
      this.#steering.wirePaused = paused;
      // A close waits for nobody: the wire must take what is in flight.
      if (!this.#closing) this.#down.paused = paused;
      this.#balance();
    } else if (signal.kind === 'data' || (signal.kind === 'end' && !this.#closing)) {
      if (!this.#closing) this.#up.push(signal);
    } else this.#ports.up.next(signal);
  }

  /** What is held goes down at its time; what is held for the application has nobody to go to. */
  closing(): true {
    this.#closing = true;
    this.#up.clear();
    this.#down.paused = false;
    this.#balance();
    return true;
  }

  /** Its error does not wait for the budget: what came before goes up at once. */
  failed(error: unknown): unknown {
    this.#up.flush();
    return error;
  }

  drain(end: () => void): void {
    this.#end = end;
    this.#balance();
  }

  free(): void {
    this.#down.clear();
    this.#up.clear();
    this.#closeTimer?.unsubscribe();
  }

  /** Something went in or out: tells both sides, and what was waited for. */
  #balance(): void {
    this.#steering.balance();
    if (this.#up.isEmpty) this.#end?.();
    if (this.#closing) this.#close();
  }

  #close(): void {
    const { up, down, dial } = this.#ports;
    this.#closeTimer?.unsubscribe();
    if (this.#down.isEmpty) down.complete();
    else this.#closeTimer = after(dial.timeouts.close, dial.scheduler, () => up.complete());
  }
}
