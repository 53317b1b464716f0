import type { Observable, Subscription } from 'rxjs';
import { IOStreamError } from '../../errors.ts';
import type { Layer, LayerContext } from '../../wire/layer.ts';
import type { Flow, Up } from '../../wire/signal.ts';
import { FlowControl } from '../../wire/flow-control.ts';
import { after } from '../../util/timer.ts';
import type { Budget } from './budget.ts';
import { ThrottleDirection } from './throttle-direction.ts';

/** The budgets of one connection, or of all connections that share them. */
export interface Budgets {
  readonly down: Budget;
  readonly up: Budget;
  /** Updates the rate of the budgets while subscribed. */
  readonly rate$: Observable<number>;
}

/** The throttle of one connection: a queue for each direction, and their flow control. */
export class ThrottleLayer implements Layer {
  readonly #ports: LayerContext;
  readonly #down: ThrottleDirection;
  readonly #up: ThrottleDirection;
  /** Completes Up after the wire has completed. */
  #endUp: (() => void) | undefined;
  #isClosing = false;
  #closeTimer: Subscription | undefined;
  readonly #rate: Subscription;
  /** Whether the rate has ended with Infinity. */
  #isUnlimited = false;
  readonly #flowControl: FlowControl;

  constructor(budgets: Budgets, ports: LayerContext) {
    this.#ports = ports;
    const changed = (): void => this.#update();
    this.#down = new ThrottleDirection(budgets.down, { out: (signal) => ports.down.next(signal), changed });
    this.#up = new ThrottleDirection(budgets.up, { out: (signal) => ports.up.next(signal), changed });
    this.#flowControl = new FlowControl(ports, this.#down, this.#up);
    const fail = (reason: unknown): void => {
      const error = IOStreamError.from(reason, { phase: 'write', layer: ports.dial.layer });
      ports.down.error(error);
      ports.up.error(error);
    };
    const complete = (): void => {
      this.#isUnlimited = budgets.down.rate === Infinity && budgets.up.rate === Infinity;
      this.#update();
    };
    this.#rate = budgets.rate$.subscribe({ error: fail, complete });
  }

  down(signal: Flow): void {
    if (signal.kind === 'data' || signal.kind === 'end') this.#down.push(signal);
    else {
      this.#up.paused = this.#flowControl.appPaused = signal.kind === 'pause';
      this.#update();
    }
  }

  up(signal: Up): void {
    if (signal.kind === 'pause' || signal.kind === 'resume') {
      const paused = signal.kind === 'pause';
      this.#flowControl.wirePaused = paused;
      // While closing, a pause of the wire is ignored: it must accept what is in flight.
      if (!this.#isClosing) this.#down.paused = paused;
      this.#update();
    } else if (signal.kind === 'data' || (signal.kind === 'end' && !this.#isClosing)) {
      if (!this.#isClosing) this.#up.push(signal);
    } else this.#ports.up.next(signal);
  }

  /** Outbound bytes are still written at the limited rate. Inbound bytes are dropped: the application has closed. */
  closing(): true {
    this.#isClosing = true;
    this.#up.clear();
    this.#down.paused = false;
    this.#update();
    return true;
  }

  /** An error of the wire does not wait for the budget: the bytes before it are emitted at once. */
  failed(error: unknown): unknown {
    this.#up.flush();
    return error;
  }

  drain(end: () => void): void {
    this.#endUp = end;
    this.#update();
  }

  free(): void {
    this.#down.clear();
    this.#up.clear();
    this.#closeTimer?.unsubscribe();
    this.#rate.unsubscribe();
  }

  /** Called after a queue has changed: updates both sides, the completion of Up, and the close. */
  #update(): void {
    this.#flowControl.update();
    if (this.#up.isEmpty) this.#endUp?.();
    if (this.#isClosing) this.#close();
    else if (this.#isUnlimited && this.#down.isEmpty && this.#up.isEmpty) this.#ports.leave();
  }

  #close(): void {
    const { up, down, dial } = this.#ports;
    this.#closeTimer?.unsubscribe();
    if (this.#down.isEmpty) down.complete();
    else this.#closeTimer = after(dial.timeouts.close, dial.scheduler, () => up.complete());
  }
}
