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
  readonly #inbox = new Fifo<DataSignal | EndSignal>();
  #giving = false;
  #paused = false;
  /** Whether the flow has completed: inbound signals are then discarded. */
  #closing = false;
  #inEnded = false;
  #outEnded = false;

  readonly wire: Wire = () => (flow$) =>
    new Observable<Up>((up) => {
      const flow = guardedSubscriber<Flow>({
        next: (signal) => this.#take(signal),
        error: (error: unknown) => up.error(error),
        complete: () => this.#close(),
      });
      up.add(() => {
        flow.unsubscribe();
        this.#up = undefined;
        this.#inbox.clear();
        if (!this.#inEnded || !this.#outEnded) this.peer.#cut();
      });
      flow$.subscribe(flow);
      this.#up = up;
      up.next({ kind: 'connected', details: [{ wire: 'memory' }] });
      this.#give();
    });

  #take(signal: Flow): void {
    if (signal.kind === 'pause' || signal.kind === 'resume') {
      this.#paused = signal.kind === 'pause';
      this.#give();
    } else if (!this.#outEnded) {
      this.#outEnded = signal.kind === 'end';
      this.peer.#inbox.push(signal);
      this.peer.#give();
      this.#settle();
    }
  }

  /** Emits the queued signals in order. Not reentrant: signals added from inside `next` are emitted by the outer loop. */
  #give(): void {
    if (this.#giving) return;
    this.#giving = true;
    for (let next = this.#next(); next; next = this.#next()) {
      if (!this.#closing) this.#up?.next(next);
      if (next.kind === 'data' && next.bytes.length > 0) this.peer.#up?.next({ kind: 'sent', bytes: next.bytes.length });
      this.#inEnded ||= next.kind === 'end';
    }
    this.#giving = false;
    this.#settle();
  }

  #next(): DataSignal | EndSignal | undefined {
    return this.#up && (!this.#paused || this.#closing) ? this.#inbox.shift() : undefined;
  }

  #settle(): void {
    if (this.#inEnded && this.#outEnded) this.#up?.complete();
  }

  #close(): void {
    this.#closing = true;
    this.#take(END);
    this.#give();
  }

  #cut(): void {
    this.#up?.error(Object.assign(new Error('the other end was reset'), { code: 'ECONNRESET', phase: 'read' }));
  }
}
