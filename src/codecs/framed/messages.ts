import { Observable, type ObservableInput, type Subscriber, type Subscription } from 'rxjs';
import type { Codec } from '../codec.ts';
import { concurrencyOf, type ConsumeOptions } from '../../stream/consume.ts';
import type { IOStream } from '../../stream/io-stream.ts';
import { nextReader } from '../../stream/read-ahead.ts';
import { endReader, type ReadEnd } from '../../stream/read-end.ts';
import { internalsOf } from '../../stream/stream-fields.ts';
import { AsyncContext } from '../../util/async-context.ts';
import { atTickEnd } from '../../util/at-tick-end.ts';
import type { ConnectionReader, Connections } from './connections.ts';
import { MessageConsumer } from './message-consumer.ts';
import { MessageReaders } from './message-readers.ts';
import type { MessageReceiver } from './message-receiver.ts';
import { MessageSource } from './message-source.ts';

/** Reads the messages of one connection after the other while there are readers. Emits them in a loop, as the readers are ready. */
export class Messages<T> implements MessageReceiver<T>, ConnectionReader {
  readonly messages$: Observable<T>;
  isPumping = false;
  readonly #connections: Connections;
  readonly #codec: Codec<T, never>;
  readonly #number = nextReader();
  readonly #readers = new MessageReaders<T>();
  /** The source of the current connection. */
  #source: MessageSource<T> | undefined;

  constructor(connections: Connections, codec: Codec<T, never>) {
    this.#connections = connections;
    this.#codec = codec;
    this.messages$ = new Observable((out) => {
      if (this.#endIfEnded(out)) return;
      this.#readers.add(out);
      this.#join(out);
    });
  }

  consume<R>(handle: (message: T) => ObservableInput<R>, options?: ConsumeOptions): Observable<R> {
    const concurrency = concurrencyOf(options);
    return new Observable((out) => {
      if (this.#readers.consumer) {
        out.error(new TypeError('expected one consume() of the messages at a time, got a second one while the first is active'));
        return;
      }
      if (this.#endIfEnded(out)) return;
      this.#readers.consumer = new MessageConsumer(out, handle, concurrency, () => this.pump());
      out.add(() => {
        this.#readers.consumer = undefined;
        // The consumer may have blocked the other readers.
        if (this.#readers.hasSubscribers) this.#pumpSoon();
      });
      this.#join(out);
    });
  }

  // Called by the connections and the current source

  isErrorHandled(): boolean {
    return this.#readers.isErrorHandled;
  }

  isHandling(): boolean {
    return this.#readers.consumer?.isHandling === true;
  }

  tryEmit(message: T): boolean {
    if (!this.isPumping || !this.#readers.isReady) return false;
    this.#readers.next(message);
    return true;
  }

  isDrained(io: IOStream): boolean {
    return this.#source?.io === io ? this.#source.isDrained : io.inBuf.length === 0;
  }

  connectionChanged(): void {
    if (this.#readers.isEmpty) return;
    const { io, end } = this.#connections;
    if (!io && end) this.#readers.end(end);
    else if (!this.#attach()) this.#readers.end({ error: otherReader() });
  }

  fail(error: unknown): boolean {
    const hadReaders = !this.#readers.isEmpty;
    this.#readers.end({ error });
    return hadReaders;
  }

  ownerUnsubscribed(end: ReadEnd): void {
    this.#readers.consumer?.end(end);
  }

  /** Emits messages in a loop. Events from inside `next` are processed by the next iteration, without recursion. */
  pump(): void {
    if (this.isPumping) return;
    this.isPumping = true;
    while (this.#readers.isReady && this.#step());
    this.isPumping = false;
    this.#source?.freeIfClosed();
  }

  /** Starts to read for a new reader. Emits from the end of the tick on, so that all readers of one tick get the same messages. */
  #join(out: Subscriber<never>): void {
    const dropped = this.#connections.addReader(this);
    if (dropped || !this.#attach()) endReader(out, dropped ?? { error: otherReader() });
    if (out.closed) return;
    out.add(() => {
      if (this.#readers.isEmpty) this.#source?.detach();
    });
    out.add(this.#pumpSoon());
  }

  /** Calls `pump` at the end of the tick, in the async context of the caller. */
  #pumpSoon(): Subscription | undefined {
    const { io } = this.#connections;
    if (!io) return undefined; // The next connection schedules its own tick.
    const context = new AsyncContext();
    return atTickEnd(internalsOf(io).settings.scheduler, () => context.run(() => this.pump(), undefined, undefined));
  }

  /** Starts to read the current connection. Returns false if it has another reader. */
  #attach(): boolean {
    const { io } = this.#connections;
    if (io && this.#source?.io !== io) this.#source = new MessageSource(io, this.#codec, this.#number, this);
    return !io || !this.#source || this.#source.attach();
  }

  /** Emits the next message, decodes the next chunk, or emits the end. Returns whether to continue. */
  #step(): boolean {
    if (!this.#attach()) {
      this.#readers.end({ error: otherReader() });
      return false;
    }
    const source = this.#source;
    if (!source || source.io !== this.#connections.io) return false;
    if (source.hasMessage) {
      this.#readers.next(source.take());
      return true;
    }
    const { end } = source;
    if (!end) return source.decodeNext();
    source.reportEnd();
    const endOfAll = this.#connections.next(end);
    if (endOfAll) this.#readers.end(endOfAll);
    source.detach();
    return true;
  }

  /** Emits the end to a late reader, if the messages have ended. Returns whether they have. */
  #endIfEnded(out: Subscriber<never>): boolean {
    const { io, end } = this.#connections;
    if (io || !end) return false;
    endReader(out, end);
    return true;
  }
}

function otherReader(): TypeError {
  return new TypeError('expected the bytes of the stream to have no other reader, got messages beside a consume() or an iteration of them');
}
