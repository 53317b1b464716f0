import { noop, Observable, type Subscriber } from 'rxjs';
import { concatBytes } from '../../util/concat-bytes.ts';
import { guardedSubscriber } from '../../util/guarded-subscriber.ts';
import { END, PAUSE, RESUME, type Dial, type Flow, type LayerDetails, type Up, type Wire } from '../../wire/signal.ts';
import { MutationDetector } from '../mutation-detector.ts';
import { orderProblem } from './signal-order.ts';

/** Called when a rule is broken. */
export type OnViolation = (rule: number, problem: string) => void;

/**
 * The application's end of a wire: sends Flow by method calls and records Up. Reports violations of the rules that hold at any time:
 * the order of signals (2), the sums of `sent` (8), and changed bytes (10).
 */
export class Endpoint {
  state: 'new' | 'open' | 'complete' | 'error' | 'unsubscribed' = 'new';
  error: unknown;
  isConnected = false;
  /** Whether `end` was emitted. */
  hasEnded = false;
  /** Whether the wire has paused this end. */
  isPaused = false;
  /** Sums of bytes. */
  sent = 0;
  written = 0;
  received = 0;
  details: readonly LayerDetails[] = [];
  /** Called with each inbound signal, from inside `next`. */
  onSignal: (signal: Up) => void = noop;
  readonly #onViolation: OnViolation;
  readonly #chunks: Uint8Array[] = [];
  readonly #mutations = new MutationDetector();
  /** Outbound signals until the wire subscribes to Flow. */
  readonly #queue: ((flow: Subscriber<Flow>) => void)[] = [];
  #flow: Subscriber<Flow> | undefined;
  #flowSubscriptions = 0;
  #subscription: Subscriber<Up> | undefined;

  constructor(onViolation: OnViolation = noop) {
    this.#onViolation = onViolation;
  }

  dial(wire: Wire, dial: Dial): this {
    return this.subscribe(wire(dial));
  }

  /** Subscribes to a wire that is already dialled. */
  subscribe(operator: (flow$: Observable<Flow>) => Observable<Up>): this {
    if (this.state !== 'new') return this;
    this.state = 'open';
    this.#subscription = guardedSubscriber<Up>({
      next: (signal) => this.#onUp(signal),
      error: (error) => {
        this.error = error;
        this.state = 'error';
      },
      complete: () => void (this.state = 'complete'),
    });
    operator(this.#flow$).subscribe(this.#subscription);
    return this;
  }

  readonly #flow$ = new Observable<Flow>((flow) => {
    this.#flowSubscriptions += 1;
    if (this.#flowSubscriptions === 2) this.#onViolation(1, 'the Flow of one connection was subscribed twice');
    this.#flow = flow;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) next(flow);
  });

  #send(work: (flow: Subscriber<Flow>) => void): void {
    if (this.#flow) work(this.#flow);
    else this.#queue.push(work);
  }

  /** Writes copies: a layer that changes its input must not change the payload of other cases. */
  write(...chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) {
      const bytes = new Uint8Array(chunk);
      this.written += bytes.length;
      this.#mutations.track(bytes, 'bytes written by the application');
      this.#send((flow) => flow.next({ kind: 'data', bytes }));
    }
  }

  end(): void {
    this.#send((flow) => flow.next(END));
  }

  pause(): void {
    this.#send((flow) => flow.next(PAUSE));
  }

  resume(): void {
    this.#send((flow) => flow.next(RESUME));
  }

  /** Completes Flow. */
  close(): void {
    this.#send((flow) => flow.complete());
  }

  /** Errors Flow. */
  reset(error: unknown): void {
    this.#send((flow) => flow.error(error));
  }

  unsubscribe(): void {
    if (this.state === 'open' || this.state === 'new') this.state = 'unsubscribed';
    this.#subscription?.unsubscribe();
  }

  is(state: Endpoint['state']): boolean {
    return this.state === state;
  }

  /** Whether Up has completed or errored. */
  get isClosed(): boolean {
    return this.state === 'complete' || this.state === 'error';
  }

  /** All bytes received so far. */
  get bytes(): Uint8Array {
    return concatBytes(this.#chunks);
  }

  /** Reports bytes that were changed after they passed. Call it at the end. */
  checkMutations(): void {
    const changed = this.#mutations.changed();
    if (changed !== undefined) this.#onViolation(10, changed);
  }

  #onUp(signal: Up): void {
    const problem = orderProblem(signal, this);
    if (problem !== undefined) this.#onViolation(2, problem);
    switch (signal.kind) {
      case 'connected':
        this.isConnected = true;
        this.details = signal.details;
        break;
      case 'data':
        this.received += signal.bytes.length;
        this.#chunks.push(signal.bytes);
        this.#mutations.track(signal.bytes, 'bytes emitted to the application');
        break;
      case 'end':
        this.hasEnded = true;
        break;
      case 'pause':
      case 'resume':
        this.isPaused = signal.kind === 'pause';
        break;
      case 'sent':
        this.#countSent(signal.bytes);
        break;
      case 'resolved':
        break;
    }
    this.onSignal(signal);
  }

  #countSent(bytes: number): void {
    this.sent += bytes;
    if (!(bytes > 0)) this.#onViolation(8, `'sent' reported ${bytes} bytes; it must report at least 1`);
    if (this.sent > this.written) this.#onViolation(8, `'sent' reported ${this.sent} bytes in all, and only ${this.written} were written`);
  }
}
