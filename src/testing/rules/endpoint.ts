import { Observable, type Subscriber } from 'rxjs';
import { concatBytes } from '../../util/concat-bytes.ts';
import { guardedSubscriber } from '../../util/guarded-subscriber.ts';
import { END, PAUSE, RESUME, type Dial, type Flow, type LayerDetails, type Up, type Wire } from '../../wire/signal.ts';
import { MutationDetector } from '../bytes.ts';

/** Called when a rule is broken. */
export type Fault = (rule: number, problem: string) => void;

/**
 * The application's end of a wire: sends Flow by method calls and records Up. Reports violations of the rules that hold at any time:
 * the order of signals (2), the sums of `sent` (8), and changed bytes (10).
 */
export class Endpoint {
  state: 'new' | 'open' | 'complete' | 'error' | 'unsubscribed' = 'new';
  error: unknown;
  connected = false;
  ended = false;
  /** Whether the wire has paused this end. */
  paused = false;
  sent = 0;
  written = 0;
  received = 0;
  details: readonly LayerDetails[] = [];
  /** Number of inbound signals. */
  count = 0;
  /** Called with each inbound signal, from inside `next`. */
  react: (signal: Up) => void = () => {};
  readonly #fault: Fault;
  readonly #chunks: Uint8Array[] = [];
  readonly #witness = new MutationDetector();
  readonly #queue: ((down: Subscriber<Flow>) => void)[] = [];
  #down: Subscriber<Flow> | undefined;
  #flows = 0;
  #subscription: Subscriber<Up> | undefined;

  constructor(fault: Fault = () => {}) {
    this.#fault = fault;
  }

  dial(wire: Wire, dial: Dial): this {
    return this.join(wire(dial));
  }

  /** Subscribes to a wire that is already dialled. */
  join(operator: (flow$: Observable<Flow>) => Observable<Up>): this {
    if (this.state !== 'new') return this;
    this.state = 'open';
    const fail = (error: unknown): void => {
      this.error = error;
      this.state = 'error';
    };
    this.#subscription = guardedSubscriber<Up>({
      next: (signal) => this.#see(signal),
      error: fail,
      complete: () => void (this.state = 'complete'),
    });
    operator(this.#flow$).subscribe(this.#subscription);
    return this;
  }

  readonly #flow$ = new Observable<Flow>((down) => {
    this.#flows += 1;
    if (this.#flows === 2) this.#fault(1, 'the flow of one connection was subscribed twice');
    this.#down = down;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) next(down);
  });

  #push(work: (down: Subscriber<Flow>) => void): void {
    if (this.#down) work(this.#down);
    else this.#queue.push(work);
  }

  give(...chunks: readonly Uint8Array[]): void {
    for (const bytes of chunks) {
      this.written += bytes.length;
      this.#witness.see(bytes, 'bytes given down');
      this.#push((down) => down.next({ kind: 'data', bytes }));
    }
  }

  end(): void {
    this.#push((down) => down.next(END));
  }

  pause(): void {
    this.#push((down) => down.next(PAUSE));
  }

  resume(): void {
    this.#push((down) => down.next(RESUME));
  }

  /** Closes: completes the flow. */
  close(): void {
    this.#push((down) => down.complete());
  }

  /** Resets: errors the flow. */
  fail(error: unknown): void {
    this.#push((down) => down.error(error));
  }

  unsubscribe(): void {
    if (this.state === 'open' || this.state === 'new') this.state = 'unsubscribed';
    this.#subscription?.unsubscribe();
  }

  is(state: Endpoint['state']): boolean {
    return this.state === state;
  }

  /** Whether Up has completed or errored. */
  get over(): boolean {
    return this.state === 'complete' || this.state === 'error';
  }

  get bytes(): Uint8Array {
    return concatBytes(this.#chunks);
  }

  /** Reports bytes that were changed after they passed. Call it at the end. */
  verify(): void {
    const changed = this.#witness.changed();
    if (changed !== undefined) this.#fault(10, changed);
  }

  #see(signal: Up): void {
    this.count += 1;
    this.#checkOrder(signal);
    switch (signal.kind) {
      case 'connected':
        this.connected = true;
        this.details = signal.details;
        break;
      case 'data':
        this.received += signal.bytes.length;
        this.#chunks.push(signal.bytes);
        this.#witness.see(signal.bytes, 'bytes that had come up');
        break;
      case 'end':
        this.ended = true;
        break;
      case 'pause':
      case 'resume':
        this.paused = signal.kind === 'pause';
        break;
      case 'sent':
        this.sent += signal.bytes;
        if (!(signal.bytes > 0)) this.#fault(8, `'sent' told ${signal.bytes} bytes; it counts what is new`);
        if (this.sent > this.written) this.#fault(8, `${this.sent} bytes were told to be sent when ${this.written} had been given`);
        break;
      case 'resolved':
        break;
    }
    this.react(signal);
  }

  #checkOrder({ kind }: Up): void {
    if (this.connected) {
      if (kind === 'connected') this.#fault(2, "'connected' came twice");
      if (kind === 'resolved') this.#fault(2, "'resolved' came after 'connected'");
    } else if (kind === 'data' || kind === 'end' || kind === 'sent') {
      this.#fault(2, `'${kind}' came before 'connected'`);
    }
    if (this.ended && kind === 'end') this.#fault(2, "'end' came twice");
    if (this.ended && kind === 'data') this.#fault(2, "'data' came after 'end'");
  }
}

/** V8's additions to `Error`. */
interface StackControl {
  stackTraceLimit?: number | undefined;
  prepareStackTrace?: ((error: Error, frames: readonly unknown[]) => unknown) | undefined;
}

/** Returns the depth of the call stack, or 0 on engines other than V8. */
export function stackDepth(): number {
  const control = Error as unknown as StackControl;
  const { stackTraceLimit, prepareStackTrace } = control;
  if (stackTraceLimit === undefined) return 0;
  control.stackTraceLimit = 20_000;
  control.prepareStackTrace = (_error, frames) => frames.length;
  const depth = new Error().stack as unknown;
  control.stackTraceLimit = stackTraceLimit;
  control.prepareStackTrace = prepareStackTrace;
  return typeof depth === 'number' ? depth : 0;
}
