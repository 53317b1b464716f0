import { Observable, Subject, type SchedulerLike, type Subscriber, type Subscription } from 'rxjs';
import { ECLOSED, EOUTBUFLIMIT, EPROTOCOL, IOStreamError } from '../errors.ts';
import type { Loss } from '../flow/reconnecting-stream.ts';
import { inlet } from '../wire/operate.ts';
import { after } from '../wire/timer.ts';
import { outcomeOf } from './message-writer.ts';
import { subscribeFor } from './messages.ts';
import { PendingRequest, WaitingRequests } from './pending-requests.ts';
import type { RequestMessages, Requests } from './requests.ts';

/** Checked options of `requests`. */
export interface PipelineSettings<T, W> {
  readonly match: ((message: T | W) => unknown) | undefined;
  readonly timeout: number;
  readonly maxPending: number;
}

/** What is below the messages: the life of a stream, or a persistent stream. */
export interface PipelineBase {
  readonly scheduler: SchedulerLike;
  /** Reports an error of the replies to the stream. */
  raise(error: IOStreamError, isHandled: boolean): void;
  /** A request got the error of the stream. */
  errorHandled(): void;
  /** Returns the fatal error of the stream that has reached no handler; the caller handles it. */
  takeError?(): IOStreamError | undefined;
  /** Emits lost connections, each after its messages. Without it the first loss is the end. */
  readonly lost$?: Observable<Loss>;
}

/** Finds the request of each reply: by id, or in order, where the id is the place in the line. */
export class RequestPipeline<T, W> implements Requests<T, W> {
  readonly unmatched$: Observable<T>;
  readonly #framed: RequestMessages<T, W>;
  readonly #base: PipelineBase;
  readonly #settings: PipelineSettings<T, W>;
  readonly #unmatched = new Subject<T>();
  /** Requests without a reply by id; in order also those that were given up: each keeps its place. */
  readonly #pending = new Map<unknown, PendingRequest<T>>();
  readonly #waiting = new WaitingRequests<T>();
  /** How many requests were written, and how many of them got their replies. */
  #sent = 0;
  #answered = 0;
  #timer: Subscription | undefined;
  readonly #replies: Subscriber<T> = inlet<T>({
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
  /** What each further request errors with, once the messages have ended. */
  #end: unknown;

  constructor(framed: RequestMessages<T, W>, base: PipelineBase, settings: PipelineSettings<T, W>) {
    this.#framed = framed;
    this.#base = base;
    this.#settings = settings;
    this.unmatched$ = this.#unmatched.asObservable();
    base.lost$?.subscribe((loss) => this.#lose(loss));
    this.#replies.add(() => this.#leave());
    subscribeFor(framed.messages$, this.#replies, () => this.#isHeard());
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
      this.#base.errorHandled();
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
    // In its place before it is written: the reply may come from inside.
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

  /** `match` has thrown: no reply finds its request any more. */
  #fail(thrown: unknown): void {
    const error = IOStreamError.from(thrown, { phase: 'read' });
    const isHandled = this.#isHeard();
    this.#stop(error);
    this.#unmatched.error(error);
    this.#replies.unsubscribe();
    this.#base.raise(error, isHandled);
  }

  /** Timed out, or left by its subscriber. Its id is free again; in order, its place is kept until its reply comes. */
  readonly #giveUp = (request: PendingRequest<T>): Subscriber<T> | undefined => {
    if (this.#settings.match) this.#pending.delete(request.id);
    return this.#waiting.remove(request);
  };

  /**
   * One timer, for the oldest: all have the same time. A reply does not stop it, it finds out when it fires: else each request
   * that is sent when the last is answered takes a timer of its own. So it must not keep the process alive.
   */
  #watch(due: number): void {
    if (this.#timer || due === Infinity) return;
    const { scheduler } = this.#base;
    this.#timer = after(due - scheduler.now(), scheduler, () => this.#timeOut(scheduler.now()), { unref: true });
  }

  #timeOut(now: number): void {
    const isDue = (request: PendingRequest<T> | undefined): request is PendingRequest<T> => request !== undefined && request.due <= now;
    // Given up first: a retry from inside `error` may use the id again.
    for (let { first } = this.#waiting; isDue(first); first = this.#waiting.first) this.#giveUp(first)?.error(late(this.#settings.timeout));
    this.#timer = undefined;
    if (this.#waiting.first) this.#watch(this.#waiting.first.due);
  }

  /** A connection is lost: requests that it has taken error; those whose message is kept go on with the next connection. */
  #lose({ attempt, error = unanswered() }: Loss): void {
    const lost = [...this.#pending.values()].filter(({ write }) => !write || write.attempt <= attempt);
    for (const { id } of lost) this.#pending.delete(id);
    // In order, the first reply of the next connection answers the first request that remains.
    const [next = this.#sent] = this.#pending.keys();
    if (!this.#settings.match) this.#answered = next as number;
    for (const request of lost) this.#waiting.remove(request)?.error(error);
  }

  /** Whether an error would reach a subscriber now. */
  #isHeard(): boolean {
    return this.#unmatched.observed || this.#waiting.first !== undefined;
  }

  #stop(error: unknown): void {
    this.#end = error;
    this.#timer?.unsubscribe();
    this.#pending.clear();
    if (this.#waiting.first) this.#base.errorHandled();
    for (let { first } = this.#waiting; first; first = this.#waiting.first) this.#waiting.remove(first)?.error(error);
  }

  /** The owner of the stream has unsubscribed: requests that are still there get nothing more. */
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
