import { Observable, Subject, type SchedulerLike, type Subscriber, type Subscription } from 'rxjs';
import { ECLOSED, EOUTBUFLIMIT, EPROTOCOL, IOStreamError } from '../errors.ts';
import type { LostConnection } from '../reconnect/reconnecting-stream.ts';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import { after } from '../util/timer.ts';
import { outcomeOf } from './message-writer.ts';
import { subscribeFor } from './messages.ts';
import { PendingRequest, WaitingRequests } from './pending-requests.ts';
import type { RequestMessages, Requests } from './requests.ts';

/** Checked options of `requests`. The timeout is in milliseconds. */
export interface PipelineSettings<T, W> {
  readonly match: ((message: T | W) => unknown) | undefined;
  readonly timeout: number;
  readonly maxPending: number;
}

/** The stream, or persistent stream, below the messages. */
export interface PipelineBase {
  readonly scheduler: SchedulerLike;
  /** Reports an error of the replies to the stream. */
  report(error: IOStreamError, isHandled: boolean): void;
  /** Marks the error of the stream as handled by a request. */
  errorHandled?(): void;
  /** Returns the unhandled fatal error of the stream. The caller then handles it. */
  takeError?(): IOStreamError | undefined;
  /** Emits lost connections, each after its messages. Without it, the first loss ends the messages. */
  readonly lost$?: Observable<LostConnection>;
}

/** Matches each reply to its request: by id, or in order. In order, the id is the sequence number. */
export class RequestPipeline<T, W> implements Requests<T, W> {
  readonly unmatched$: Observable<T>;
  readonly #framed: RequestMessages<T, W>;
  readonly #base: PipelineBase;
  readonly #settings: PipelineSettings<T, W>;
  readonly #unmatched = new Subject<T>();
  /** Requests without a reply, by id. In order, abandoned requests stay here, to keep their places. */
  readonly #pending = new Map<unknown, PendingRequest<T>>();
  readonly #waiting = new WaitingRequests<T>();
  /** Number of written requests, and number of those with a reply. */
  #sent = 0;
  #answered = 0;
  #timer: Subscription | undefined;
  readonly #replies: Subscriber<T> = guardedSubscriber<T>({
    next: (message) => this.#take(message),
    error: (error) => {
      this.#stop(error);
      this.#unmatched.error(error);
    },
    complete: () => {
      this.#stop(unanswered());
      this.#unmatched.complete();
    },
  });
  /** The error of all further requests, after the messages have ended. */
  #end: unknown;

  constructor(framed: RequestMessages<T, W>, base: PipelineBase, settings: PipelineSettings<T, W>) {
    this.#framed = framed;
    this.#base = base;
    this.#settings = settings;
    this.unmatched$ = this.#unmatched.asObservable();
    base.lost$?.subscribe((loss) => this.#lose(loss));
    this.#replies.add(() => this.#leave());
    subscribeFor(framed.messages$, this.#replies, () => this.#isErrorHandled());
  }

  get pending(): number {
    return this.#pending.size;
  }

  readonly request = (message: W): Observable<T> => new Observable((out) => this.#request(message, out));

  #request(message: W, out: Subscriber<T>): void {
    const { match, timeout, maxPending } = this.#settings;
    const { scheduler } = this.#base;
    const id = match ? match(message) : this.#sent;
    if (this.#end !== undefined) {
      this.#base.errorHandled?.();
      out.error(this.#end);
      return;
    }
    if (this.#pending.size >= maxPending)
      throw refused(EOUTBUFLIMIT, `expected at most maxPending = ${maxPending} requests without reply, got one more`);
    if (id === undefined)
      throw refused(EPROTOCOL, 'expected `match` to return the id of a request, got undefined; write() is for messages without a reply');
    if (this.#pending.has(id))
      throw refused(EPROTOCOL, 'expected a request with an id of its own, got that of one that waits for its reply');
    const due = timeout === Infinity ? Infinity : scheduler.now() + timeout;
    const request = new PendingRequest<T>(id, out, due, this.#giveUp);
    // Register the request before writing: the reply may arrive from inside `write`.
    this.#pending.set(id, request);
    this.#waiting.add(request);
    this.#sent += 1;
    out.add(request);
    try {
      const outcome = outcomeOf(this.#framed, message);
      if (outcome instanceof IOStreamError) throw this.#base.takeError?.() ?? outcome;
      request.write = outcome;
    } catch (error) {
      this.#waiting.remove(request);
      this.#pending.delete(id);
      this.#sent -= 1;
      throw error;
    }
    this.#watch(due);
  }

  #take(message: T): void {
    const { match } = this.#settings;
    let id: unknown = this.#answered;
    try {
      if (match) id = match(message);
    } catch (error) {
      this.#fail(error);
      return;
    }
    const request = this.#pending.get(id);
    if (!request) {
      this.#unmatched.next(message);
      return;
    }
    this.#answered += 1;
    this.#pending.delete(id);
    const out = this.#waiting.remove(request);
    out?.next(message);
    out?.complete();
  }

  /** Called when `match` has thrown: replies can no longer be matched, so all requests error. */
  #fail(thrown: unknown): void {
    const error = IOStreamError.from(thrown, { phase: 'read' });
    const isHandled = this.#isErrorHandled();
    this.#stop(error);
    this.#unmatched.error(error);
    this.#replies.unsubscribe();
    this.#base.report(error, isHandled);
  }

  /** Abandons a request that timed out or was unsubscribed. Frees its id. In order, keeps its place until its reply arrives. */
  readonly #giveUp = (request: PendingRequest<T>): Subscriber<T> | undefined => {
    if (this.#settings.match) this.#pending.delete(request.id);
    return this.#waiting.remove(request);
  };

  /**
   * Starts one timer, for the oldest request: all have the same timeout. A reply does not stop the timer. Otherwise sequential
   * requests would each need a new timer. Therefore the timer must not keep the process alive.
   */
  #watch(due: number): void {
    if (this.#timer || due === Infinity) return;
    const { scheduler } = this.#base;
    this.#timer = after(due - scheduler.now(), scheduler, () => this.#timeOut(scheduler.now()), { unref: true });
  }

  #timeOut(now: number): void {
    const isDue = (request: PendingRequest<T> | undefined): request is PendingRequest<T> => request !== undefined && request.due <= now;
    // Abandon the request before the error: a retry from inside `error` may use the id again.
    for (let { first } = this.#waiting; isDue(first); first = this.#waiting.first) this.#giveUp(first)?.error(late(this.#settings.timeout));
    this.#timer = undefined;
    if (this.#waiting.first) this.#watch(this.#waiting.first.due);
  }

  /** Handles a lost connection. Requests written to it error. Requests whose message is kept continue on the next connection. */
  #lose({ attempt, error = unanswered() }: LostConnection): void {
    const lost = [...this.#pending.values()].filter(({ write }) => !write || write.attempt <= attempt);
    for (const { id } of lost) this.#pending.delete(id);
    // In order, the first reply of the next connection answers the first request that remains.
    const [next = this.#sent] = this.#pending.keys();
    if (!this.#settings.match) this.#answered = next as number;
    for (const request of lost) this.#waiting.remove(request)?.error(error);
  }

  /** Whether an error would reach a subscriber now. */
  #isErrorHandled(): boolean {
    return this.#unmatched.observed || this.#waiting.first !== undefined;
  }

  #stop(error: unknown): void {
    this.#end = error;
    this.#timer?.unsubscribe();
    this.#pending.clear();
    if (this.#waiting.first) this.#base.errorHandled?.();
    for (let { first } = this.#waiting; first; first = this.#waiting.first) this.#waiting.remove(first)?.error(error);
  }

  /** Called when the owner of the stream has unsubscribed. Unsubscribes the remaining requests without a notification. */
  #leave(): void {
    if (this.#end !== undefined) return;
    this.#end = unanswered();
    this.#timer?.unsubscribe();
    this.#pending.clear();
    for (let { first } = this.#waiting; first; first = this.#waiting.first) this.#waiting.remove(first)?.unsubscribe();
  }
}

function unanswered(): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'read', message: 'connection closed before the reply to the request came' });
}

function refused(code: typeof EOUTBUFLIMIT | typeof EPROTOCOL, message: string): IOStreamError {
  return new IOStreamError(code, { phase: 'write', fatal: false, message });
}

function late(timeout: number): IOStreamError {
  const message = `no reply came within ${timeout} ms; raise \`timeout\` if the peer is only slow`;
  return new IOStreamError('ETIMEDOUT', { phase: 'read', fatal: false, message });
}
