import { Observable, type Subscriber } from 'rxjs';
import { guardedSubscriber } from '../../util/guarded-subscriber.ts';
import { END, type DataSignal, type EndSignal, type Flow, type Up, type Wire } from '../../wire/signal.ts';
import { Fifo } from '../../util/fifo.ts';

/**
 * Creates two connected wires without ticks. Each emits the other's outbound signals from inside `next`: a reply may arrive before the call
 * that wrote the request has returned. Bytes are queued until the other end is subscribed and not paused.
 */
export function syncPair(): readonly [Wire, Wire] {
  const a = new SyncEnd();
  const b = new SyncEnd();
  a.peer = b;
  b.peer = a;
  return [a.wire, b.wire];
}

class SyncEnd {
  peer!: SyncEnd;
  #up: Subscriber<Up> | undefined;
  readonly #queue = new Fifo<DataSignal | EndSignal>();
  #isEmitting = false;
  #isPaused = false;
  /** Whether the flow has completed: inbound signals are then discarded. */
  #isClosing = false;
  #inboundEnded = false;
  #outboundEnded = false;

  readonly wire: Wire = () => (flow$) =>
    new Observable<Up>((up) => {
      const flow = guardedSubscriber<Flow>({
        next: (signal) => this.#onFlow(signal),
        error: (error: unknown) => up.error(error),
        complete: () => this.#close(),
      });
      up.add(() => {
        flow.unsubscribe();
        this.#up = undefined;
        this.#queue.clear();
        if (!this.#inboundEnded || !this.#outboundEnded) this.peer.#onReset();
      });
      flow$.subscribe(flow);
      this.#up = up;
      up.next({ kind: 'connected', details: [{ wire: 'memory' }] });
      this.#emitQueued();
    });

  #onFlow(signal: Flow): void {
    if (signal.kind === 'pause' || signal.kind === 'resume') {
      this.#isPaused = signal.kind === 'pause';
      this.#emitQueued();
    } else if (!this.#outboundEnded) {
      this.#outboundEnded = signal.kind === 'end';
      this.peer.#queue.push(signal);
      this.peer.#emitQueued();
      this.#completeIfEnded();
    }
  }

  /** Emits the queued signals in order. Not reentrant: signals added from inside `next` are emitted by the outer loop. */
  #emitQueued(): void {
    if (this.#isEmitting) return;
    this.#isEmitting = true;
    for (let signal = this.#next(); signal; signal = this.#next()) {
      if (!this.#isClosing) this.#up?.next(signal);
      if (signal.kind === 'data' && signal.bytes.length > 0) this.peer.#up?.next({ kind: 'sent', bytes: signal.bytes.length });
      this.#inboundEnded ||= signal.kind === 'end';
    }
    this.#isEmitting = false;
    this.#completeIfEnded();
  }

  #next(): DataSignal | EndSignal | undefined {
    return this.#up && (!this.#isPaused || this.#isClosing) ? this.#queue.shift() : undefined;
  }

  #completeIfEnded(): void {
    if (this.#inboundEnded && this.#outboundEnded) this.#up?.complete();
  }

  #close(): void {
    this.#isClosing = true;
    this.#onFlow(END);
    this.#emitQueued();
  }

  #onReset(): void {
    this.#up?.error(Object.assign(new Error('the other end was reset'), { code: 'ECONNRESET', phase: 'read' }));
  }
}
