import { Observable, Subject, type SchedulerLike, type Subscriber } from 'rxjs';
import { IOStreamError } from '../../errors.ts';
import type { LostConnection } from '../../reconnect/reconnecting-stream.ts';
import { guardedSubscriber } from '../../util/guarded-subscriber.ts';
import type { Framed } from '../framed/framed.ts';
import { subscribeOnBehalf } from '../framed/subscribe-on-behalf.ts';
import { writeOutcome } from '../framed/write-outcome.ts';
import { PendingRequest } from './pending-request.ts';
import { ReplyTimer } from './reply-timer.ts';
import { replyTimeout, tooManyPending, unanswered, unusableId } from './request-errors.ts';
import { WaitingRequests } from './waiting-requests.ts';

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
  /** Marks the error of the stream as handled by a request. A persistent stream has none: it reports its error when it ends. */
  errorHandled?(): void;
  /** Returns the unhandled fatal error of the stream. The caller then handles it. */
  takeError?(): IOStreamError | undefined;
  /** Emits lost connections, each after its messages. Without it, the first loss ends the messages. */
  readonly lost$?: Observable<LostConnection>;
  /** Keeps a connection without traffic open while `isUsed` returns true. */
  keepWhile?(isUsed: () => boolean): void;
}

/** Matches each reply to its request: by id, or in order. In order, the id is the sequence number. */
export class RequestPipeline<T, W> {
  readonly unmatched$: Observable<T>;
  readonly #framed: Pick<Framed<T, W, unknown>, 'write'>;
  readonly #base: PipelineBase;
  readonly #settings: PipelineSettings<T, W>;
  readonly #unmatched = new Subject<T>();
  /** Requests without a reply, by id. In order, abandoned requests stay here, to keep their places. */
  readonly #pending = new Map<unknown, PendingRequest<T>>();
  readonly #waiting = new WaitingRequests<T>();
  readonly #timer: ReplyTimer<T>;
  readonly #replies: Subscriber<T>;
  /** Number of written requests, and number of those with a reply. */
  #written = 0;
  #answered = 0;
  /** The error of all further requests, after the messages have ended. */
  #end: unknown;

  constructor(framed: Pick<Framed<T, W, unknown>, 'messages$' | 'write'>, base: PipelineBase, settings: PipelineSettings<T, W>) {
    this.#framed = framed;
    this.#base = base;
    this.#settings = settings;
    this.unmatched$ = this.#unmatched.asObservable();
    // Abandoned before the error: a retry from inside `error` may use the id again.
    this.#timer = new ReplyTimer(this.#waiting, settings.timeout, base.scheduler, (request) =>
      this.#abandon(request)?.error(replyTimeout(settings.timeout)),
    );
    this.#replies = guardedSubscriber<T>({
      next: (message) => this.#onMessage(message),
      error: (error) => {
        this.#endAll(error);
        this.#unmatched.error(error);
      },
      complete: () => {
        this.#endAll(unanswered());
        this.#unmatched.complete();
      },
    });
    base.lost$?.subscribe((lost) => this.#onConnectionLost(lost));
    base.keepWhile?.(() => this.#waiting.first !== undefined);
    this.#replies.add(() => this.#ownerUnsubscribed());
    subscribeOnBehalf(framed.messages$, this.#replies, () => this.#isErrorHandled());
  }

  get pending(): number {
    return this.#pending.size;
  }

  readonly request = (message: W): Observable<T> => new Observable((out) => this.#request(message, out));

  #request(message: W, out: Subscriber<T>): void {
    const { match, maxPending } = this.#settings;
    const id = match ? match(message) : this.#written;
    if (this.#end !== undefined) {
      this.#base.errorHandled?.();
      out.error(this.#end);
      return;
    }
    if (this.#pending.size >= maxPending) throw tooManyPending(maxPending);
    if (id === undefined)
      throw unusableId('expected `match` to return the id of a request, got undefined; write() is for messages without a reply');
    if (this.#pending.has(id)) throw unusableId('expected a request with an id of its own, got the id of a pending request');
    const request = new PendingRequest<T>(id, out, this.#timer.due, this.#abandon);
    // Register the request before writing: the reply may arrive from inside `write`.
    this.#pending.set(id, request);
    this.#waiting.add(request);
    this.#written += 1;
    out.add(request);
    try {
      const outcome = writeOutcome(this.#framed, message);
      if (outcome instanceof IOStreamError) throw this.#base.takeError?.() ?? outcome;
      request.write = outcome;
    } catch (error) {
      this.#waiting.remove(request);
      this.#pending.delete(id);
      this.#written -= 1;
      throw error;
    }
    this.#timer.start();
  }

  #onMessage(message: T): void {
    const { match } = this.#settings;
    let id: unknown = this.#answered;
    try {
      if (match) id = match(message);
    } catch (error) {
      this.#onMatchThrow(error);
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

  /** Ends all requests: without `match`, replies can no longer be matched. */
  #onMatchThrow(thrown: unknown): void {
    const error = IOStreamError.from(thrown, { phase: 'read' });
    const isHandled = this.#isErrorHandled();
    this.#endAll(error);
    this.#unmatched.error(error);
    this.#replies.unsubscribe();
    this.#base.report(error, isHandled);
  }

  /** Abandons a request that timed out or was unsubscribed. Frees its id. In order, keeps its place until its reply arrives. */
  readonly #abandon = (request: PendingRequest<T>): Subscriber<T> | undefined => {
    if (this.#settings.match) this.#pending.delete(request.id);
    return this.#waiting.remove(request);
  };

  /** Ends the requests written to a lost connection. Requests whose message is kept continue on the next connection. */
  #onConnectionLost({ attempt, error = unanswered() }: LostConnection): void {
    const lost = [...this.#pending.values()].filter(({ write }) => !write || write.attempt <= attempt);
    for (const { id } of lost) this.#pending.delete(id);
    // In order, the first reply of the next connection answers the first request that remains.
    const [next = this.#written] = this.#pending.keys();
    if (!this.#settings.match) this.#answered = next as number;
    for (const request of lost) this.#waiting.remove(request)?.error(error);
  }

  /** Whether an error would reach a subscriber now. */
  #isErrorHandled(): boolean {
    return this.#unmatched.observed || this.#waiting.first !== undefined;
  }

  #endAll(error: unknown): void {
    if (this.#waiting.first) this.#base.errorHandled?.();
    this.#stop(error, (out) => out.error(error));
  }

  /** Called when the owner of the stream has unsubscribed. Unsubscribes the remaining requests without a notification. */
  #ownerUnsubscribed(): void {
    if (this.#end === undefined) this.#stop(unanswered(), (out) => out.unsubscribe());
  }

  #stop(error: unknown, end: (out: Subscriber<T>) => void): void {
    this.#end = error;
    this.#timer.stop();
    this.#pending.clear();
    for (let out = this.#waiting.removeFirst(); out; out = this.#waiting.removeFirst()) end(out);
  }
}
