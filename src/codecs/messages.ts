import { asapScheduler, defer, Observable, Subject, type ObservableInput, type Subscriber, type Subscription } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { concurrencyOf, type ConsumeOptions } from '../stream/consume.ts';
import { coreOf, type IOStream } from '../stream/io-stream.ts';
import { endReader, type ReadEnd } from '../stream/read-side.ts';
import { inlet } from '../wire/operate.ts';
import type { Codec } from './codec.ts';

type End = ReadEnd;

/** Who takes messages one by one. */
interface Consumer<T> {
  readonly busy: boolean;
  take(message: T): void;
  end(end: End): void;
}

/** Subscribers that pass on what they are told, and whether anybody hears it of them. */
const relays = new WeakMap<Subscriber<never>, () => boolean>();

/**
 * Subscribes for others: an error counts as heard by this subscriber only while `isHeard` says so. Where operators stand between
 * the messages and it, it always does.
 */
export function subscribeFor<T>(messages$: Observable<T>, out: Subscriber<T>, isHeard: () => boolean): void {
  relays.set(out, isHeard);
  messages$.subscribe(out);
}

/** Takes the bytes of a stream while somebody wants messages, and keeps the messages that nobody has taken. */
export class Messages<T> {
  readonly all$: Observable<T>;
  readonly #io: IOStream;
  readonly #codec: Codec<T, never>;
  /** The subscribers of `all$`; never changed in place. Not a Subject, whose `next` costs more than the rest of the way. */
  #watchers: readonly Subscriber<T>[] = [];
  #consumer: Consumer<T> | undefined;
  /** Where the decoder is fed; and what frees it. */
  #bytes: Subject<Uint8Array> | undefined;
  #decoding: Subscription | undefined;
  /** Decoded and not taken, from `#taken` on; `shift` on a long array copies all of it. */
  #queue: T[] = [];
  #taken = 0;
  /** How the messages end, once the queue is empty; and whether the bytes have. */
  #end: End | undefined;
  #fed = false;
  #told: End | undefined;
  /** How the stream has closed, once the decoder is there to be freed. */
  #closed: ReadEnd | undefined;
  /** What the codec threw, and the stream does not know yet. */
  #wrong: IOStreamError | undefined;
  #detach: (() => void) | undefined;
  #pumping = false;

  constructor(io: IOStream, codec: Codec<T, never>) {
    this.#io = io;
    this.#codec = codec;
    this.all$ = new Observable((out) => {
      if (this.#told) {
        endReader(out, this.#told);
        return;
      }
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
      let end: End | undefined;
      const consumer: Consumer<T> = {
        get busy() {
          return active >= concurrency;
        },
        take: (message) => {
          active += 1;
          const fail = (error: unknown): void => out.error(error);
          const done = (): void => {
            active -= 1;
            if (end && active === 0) endReader(out, end);
            else this.#pump();
          };
          const inner = inlet<R>({ next: (value) => out.next(value), error: fail, complete: done, fail });
          out.add(inner);
          defer(() => handle(message)).subscribe(inner);
        },
        end: (told) => {
          end = told;
          if (active === 0) endReader(out, told);
        },
      };
      this.#consumer = consumer;
      out.add(() => (this.#consumer = undefined));
      this.#join(out);
    });
  }

  /** Somebody wants messages, from the end of the tick on, so that all subscribers of a tick get the same. */
  #join(out: Subscriber<never>): void {
    if (out.closed) return;
    this.#detach ??= coreOf(this.#io).reads.attach({ ready: () => this.#hear(), isHeard: () => this.#isHeard() });
    if (!this.#detach) {
      out.error(new TypeError('expected nobody else to consume or iterate the stream while its messages are read'));
      return;
    }
    out.add(() => {
      if (!this.#isWanted()) this.#leave();
    });
    out.add(asapScheduler.schedule(() => this.#pump()));
  }

  /** There are bytes, or the end. */
  #hear(): void {
    // Nothing is told after our own close, be it from inside `next`; and what it cut off is nobody's fault.
    const { end } = coreOf(this.#io).reads;
    if (this.#io.state === 'closing' && end && !('error' in end)) {
      this.#queue = [];
      this.#end ??= end;
    }
    this.#pump();
  }

  /** Whether the next message may be handed out now. */
  #isReady(): boolean {
    return this.#consumer ? !this.#consumer.busy : this.#watchers.length > 0;
  }

  #isWanted(): boolean {
    return this.#consumer !== undefined || this.#watchers.length > 0;
  }

  #isHeard(): boolean {
    return this.#consumer !== undefined || this.#watchers.some((each) => relays.get(each)?.() !== false);
  }

  #leave(): void {
    this.#detach?.();
    this.#detach = undefined;
  }

  /** One loop, not recursion: whatever happens from inside `next` is found by the next round. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#isReady() && (this.#give() || this.#feed()));
    this.#pumping = false;
    if (this.#closed) this.#sweep();
  }

  /** Gives the next message, or the end. */
  #give(): boolean {
    if (this.#taken < this.#queue.length) {
      this.#taken += 1;
      this.#hand(this.#queue[this.#taken - 1]!);
      return true;
    }
    if (this.#taken > 0) this.#queue = [];
    this.#taken = 0;
    if (!this.#end) return false;
    this.#decoding?.unsubscribe();
    const end = this.#end;
    // Told to the stream while we still read it, so that it knows that somebody hears of it.
    if (this.#wrong) coreOf(this.#io).raise(this.#wrong);
    this.#wrong = undefined;
    if ('error' in end && this.#isHeard()) coreOf(this.#io).errorHandled();
    this.#told = end;
    this.#consumer?.end(end);
    for (const watcher of this.#watchers) endReader(watcher, end);
    return false;
  }

  #hand(message: T): void {
    for (const watcher of this.#watchers) watcher.next(message);
    this.#consumer?.take(message);
  }

  /** Feeds the decoder with the next chunk, or the end. */
  #feed(): boolean {
    if (this.#end || this.#fed) return false;
    const { reads } = coreOf(this.#io);
    const chunk = reads.pull();
    const { end } = chunk ? {} : reads;
    const decoder = (this.#bytes ??= this.#begin());
    if (chunk) decoder.next(chunk);
    else if (end) this.#finish(end);
    return chunk !== undefined || end !== undefined;
  }

  /** The bytes have ended, and no more come. */
  #finish(end: ReadEnd): void {
    this.#fed = true;
    if (this.#io.isEof && !('error' in end)) this.#bytes?.complete();
    else this.#end ??= end;
  }

  #close(end: ReadEnd): void {
    this.#closed = end;
    // Our own close: nothing more is told.
    if (this.#io.state === 'closing' && !('error' in end)) {
      this.#queue = [];
      this.#end ??= end;
    }
    this.#sweep();
  }

  /** The stream has closed: the decoder is freed, whoever listens, unless bytes are left for a later reader. */
  #sweep(): void {
    if (this.#closed && !this.#end && !this.#fed && !this.#pumping && this.#io.inBuf.length === 0)
      this.#finish(coreOf(this.#io).reads.end ?? this.#closed);
    if (this.#end) this.#decoding?.unsubscribe();
  }

  #begin(): Subject<Uint8Array> {
    const begun = new Subject<Uint8Array>();
    const { closing$, isOpen } = coreOf(this.#io);
    if (isOpen) closing$.subscribe((end) => this.#close(end));
    this.#decoding = begun.pipe(this.#codec.decode()).subscribe({
      next: (message) => {
        if (this.#end) return;
        // Straight on where nothing is before it: the queue would take a fifth of the time.
        if (this.#pumping && this.#queue.length === 0 && this.#isReady()) {
          this.#hand(message);
          return;
        }
        this.#queue.push(message);
        this.#pump();
      },
      error: (error: unknown) => {
        if (this.#end) return;
        this.#wrong = IOStreamError.from(error, { phase: 'read' });
        this.#end = { error: this.#wrong };
        this.#pump();
      },
      complete: () => {
        this.#end ??= {};
        this.#pump();
      },
    });
    return begun;
  }
}
