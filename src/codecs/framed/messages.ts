import { defer, Observable, type ObservableInput, type Subscriber, type Subscription } from 'rxjs';
import { internalsOf, type IOStream } from '../stream/io-stream.ts';
import { concurrencyOf, type ConsumeOptions } from '../stream/consume.ts';
import { endReader, type ReadEnd } from '../stream/read-side.ts';
import { AsyncContext } from '../util/async-context.ts';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import { atTickEnd } from '../util/tick.ts';
import type { Codec } from './codec.ts';
import type { ConnectionReader, Connections } from './connections.ts';
import { MessageSource, type MessageTaker } from './message-source.ts';

/** The reader behind `consume`. It handles messages one by one. */
interface Consumer<T> {
  readonly isBusy: boolean;
  take(message: T): void;
  end(end: ReadEnd): void;
}

/** Subscribers that pass errors on, each with a function that returns whether an error would be handled. */
const relays = new WeakMap<Subscriber<never>, () => boolean>();

/**
 * Subscribes on behalf of other subscribers. An error counts as handled by `out` only while `isHeard` returns true. With operators
 * between the messages and `out`, an error always counts as handled.
 */
export function subscribeFor<T>(messages$: Observable<T>, out: Subscriber<T>, isHeard: () => boolean): void {
  relays.set(out, isHeard);
  messages$.subscribe(out);
}

/** Reads the messages of one connection after the other while there are readers. Buffers the unread messages. */
export class Messages<T> implements MessageTaker<T>, ConnectionReader {
  readonly all$: Observable<T>;
  isPumping = false;
  readonly #connections: Connections;
  readonly #codec: Codec<T, never>;
  /** The subscribers of `all$`. The array is never changed in place. A Subject's `next` would cost more than all other steps. */
  #watchers: readonly Subscriber<T>[] = [];
  #consumer: Consumer<T> | undefined;
  /** The source of the current connection. */
  #source: MessageSource<T> | undefined;

  constructor(connections: Connections, codec: Codec<T, never>) {
    this.#connections = connections;
    this.#codec = codec;
    this.all$ = new Observable((out) => {
      if (this.#emitEnd(out)) return;
      this.#watchers = [...this.#watchers, out];
      out.add(() => (this.#watchers = this.#watchers.filter((each) => each !== out)));
      this.#join(out);
    });
  }

  consume<R>(handle: (message: T) => ObservableInput<R>, options?: ConsumeOptions): Observable<R> {
    const concurrency = concurrencyOf(options);
    return new Observable((out) => {
      if (this.#consumer) {
        out.error(new TypeError('expected one consume() of the messages at a time, got a second one while the first is active'));
        return;
      }
      let active = 0;
      let end: ReadEnd | undefined;
      const consumer: Consumer<T> = {
        get isBusy() {
          return end !== undefined || active >= concurrency;
        },
        take: (message) => {
          active += 1;
          const fail = (error: unknown): void => out.error(error);
          const done = (): void => {
            active -= 1;
            if (end && active === 0) endReader(out, end);
            else this.pump();
          };
          const inner = guardedSubscriber<R>({ next: (value) => out.next(value), error: fail, complete: done, caught: fail });
          out.add(inner);
          defer(() => handle(message)).subscribe(inner);
        },
        end: (reached) => {
          end = reached;
          if (active === 0 || reached.unsubscribed) endReader(out, reached);
        },
      };
      if (this.#emitEnd(out)) return;
      this.#consumer = consumer;
      out.add(() => {
        this.#consumer = undefined;
        // The consumer may have blocked the other readers.
        if (this.#watchers.length > 0) this.#pumpSoon();
      });
      this.#join(out);
    });
  }

  // Called by the connections and the current source

  isErrorHandled(): boolean {
    return this.#consumer !== undefined || this.#watchers.some((each) => relays.get(each)?.() !== false);
  }

  offer(message: T): boolean {
    if (!this.isPumping || !this.#isReady()) return false;
    this.#emit(message);
    return true;
  }

  isSpent(io: IOStream): boolean {
    return this.#source?.io === io ? this.#source.isSpent : io.inBuf.length === 0;
  }

  changed(): void {
    if (!this.#isWanted()) return;
    const { io, end } = this.#connections;
    if (!io && end) this.#emitOne(end);
    else if (!this.#attach()) this.#emitOne({ error: taken() });
  }

  fail(error: unknown): boolean {
    const isWanted = this.#isWanted();
    this.#emitOne({ error });
    return isWanted;
  }

  leave(end: ReadEnd): void {
    this.#consumer?.end(end);
  }

  /** Emits messages in a loop. Events from inside `next` are processed by the next iteration, without recursion. */
  pump(): void {
    if (this.isPumping) return;
    this.isPumping = true;
    while (this.#isReady() && this.#step());
    this.isPumping = false;
    this.#source?.sweep();
  }

  /** Adds a reader. Emits from the end of the tick on, so that all subscribers of one tick get the same messages. */
  #join(out: Subscriber<never>): void {
    const missed = this.#connections.open(this);
    if (missed || !this.#attach()) endReader(out, missed ?? { error: taken() });
    if (out.closed) return;
    out.add(() => {
      if (!this.#isWanted()) this.#source?.detach();
    });
    out.add(this.#pumpSoon());
  }

  /** Calls `pump` at the end of the tick, in the async context of the caller. */
  #pumpSoon(): Subscription | undefined {
    const { io } = this.#connections;
    if (!io) return undefined; // The next connection schedules its own tick.
    const context = new AsyncContext();
    return atTickEnd(internalsOf(io).scheduler, () => context.run(() => this.pump(), undefined, undefined));
  }

  /** Starts to read the current connection. Returns false if it has another reader. */
  #attach(): boolean {
    const { io } = this.#connections;
    if (io && this.#source?.io !== io) this.#source = new MessageSource(io, this.#codec, this);
    return !io || !this.#source || this.#source.attach();
  }

  /** Whether the next message may be emitted now. */
  #isReady(): boolean {
    return this.#consumer ? !this.#consumer.isBusy : this.#watchers.length > 0;
  }

  #isWanted(): boolean {
    return this.#consumer !== undefined || this.#watchers.length > 0;
  }

  /** Emits the next message, feeds the decoder, or emits the end. Returns whether to continue. */
  #step(): boolean {
    if (!this.#attach()) {
      this.#emitOne({ error: taken() });
      return false;
    }
    const source = this.#source;
    if (!source || source.io !== this.#connections.io) return false;
    if (source.hasMessage) {
      this.#emit(source.take());
      return true;
    }
    const { end } = source;
    if (!end) return source.feed();
    source.conclude();
    const reached = this.#connections.pass(end);
    if (reached) this.#emitOne(reached);
    source.detach();
    return true;
  }

  #emit(message: T): void {
    for (const watcher of this.#watchers) watcher.next(message);
    this.#consumer?.take(message);
  }

  #emitOne(end: ReadEnd): void {
    this.#consumer?.end(end);
    for (const watcher of this.#watchers) endReader(watcher, end);
  }

  /** Emits the end to a late reader, if the messages have ended. Returns whether they have. */
  #emitEnd(out: Subscriber<never>): boolean {
    const { io, end } = this.#connections;
    if (io || !end) return false;
    endReader(out, end);
    return true;
  }
}

function taken(): TypeError {
  return new TypeError('expected the bytes of the stream to have no other reader, got messages beside a consume() or an iteration of them');
}
