import { Observable, type SchedulerLike, type Subscriber, type Unsubscribable } from 'rxjs';
import { EINBUFLIMIT, EREQINBUFLIMIT, EREQINEOF, ETOIDLE, IOStreamError } from '../errors.ts';
import { EOF, IN, type EventMask } from '../events.ts';
import { ByteBuffer } from '../protocol/byte-buffer.ts';
import { PAUSE, RESUME, type Flow } from '../wire/signal.ts';
import { asBuffer } from './bytes.ts';
import { Watchdog, type Watched } from './watchdog.ts';

/** What the read side needs of its stream. */
export interface ReadHost {
  readonly scheduler: SchedulerLike;
  readonly highWaterMark: number;
  readonly idleTimeout: number;
  readonly waitFor: EventMask | undefined;
  readonly inBufLimit: number | undefined;
  give(signal: Flow): void;
  notify(mask: EventMask): void;
  raise(error: IOStreamError): void;
  pulse(): void;
  /** Whether IN would reach a handler. */
  listensTo(mask: EventMask): boolean;
  /** A reader has received the fatal error of the stream. */
  errorHandled(): void;
  /** A reader is no longer there. */
  readerLeft(): void;
}

/** Somebody who takes the bytes piece by piece: `consume`, or iteration. There is one at a time. */
export interface Puller {
  /** There is something to take, or the end is there. */
  ready(): void;
  /** Whether it tells anybody of an error. @default it does */
  isHeard?(): boolean;
  /** Whether it has passed on the end: another one may take its place. @default it has not */
  hasEnded?(): boolean;
}

/** How reading ended: at EOF or by our own close; by an error; or because the owner of the stream has unsubscribed. */
export type ReadEnd = { readonly error?: unknown; readonly left?: true };

/** The owner has unsubscribed: readers that are still there get nothing more, so that truncated data never looks complete. */
export const LEFT: ReadEnd = Object.freeze({ left: true });

const NO_READERS: readonly never[] = Object.freeze([]);

/** Ends a reader as the stream ended. */
export function endReader(reader: Subscriber<never>, end: ReadEnd): void {
  if (end.left) reader.unsubscribe();
  else if ('error' in end) reader.error(end.error);
  else reader.complete();
}

/** What happens when a subscriber leaves. */
class Leave implements Unsubscribable {
  readonly #side: ReadSide;
  readonly #reader: Subscriber<Buffer>;

  constructor(side: ReadSide, reader: Subscriber<Buffer>) {
    this.#side = side;
    this.#reader = reader;
  }

  unsubscribe(): void {
    this.#side.dismiss(this.#reader);
  }
}

/**
 * The way up: bytes that came and were not taken (`inBuf`), who takes them, and whether the wire may give more.
 */
export class ReadSide implements Watched {
  readonly #host: ReadHost;
  readonly #buffer = new ByteBuffer();
  /** Made when there is something to watch: `idle` is off by default. */
  #watchdog: Watchdog | undefined;
  /** Connected, and not closed. */
  awaits = false;
  #data$: Observable<Buffer> | undefined;
  /** The subscribers of `data$`; never changed in place, so that who comes and goes meanwhile changes nothing for a round. */
  #readers: readonly Subscriber<Buffer>[] = NO_READERS;
  #puller: Puller | undefined;
  #wasRead = false;
  /** Bytes are being handed out: what comes meanwhile, bytes or the end, must not overtake them. */
  #handing = 0;
  /** The first drain of `data$` is due at the end of the tick, so that all subscribers of a tick see the same. */
  #drainDue = false;
  #flowing = true;
  #userPaused = false;
  /** EINBUFLIMIT was raised, and the user has not answered. */
  #stalled = false;
  #end: ReadEnd | undefined;
  /** How `data$` ended; later subscribers are told the same. */
  #endTold: ReadEnd | undefined;
  /** Closed by us: what is left in the buffer goes to nobody any more. */
  #abandoned = false;

  constructor(host: ReadHost) {
    this.#host = host;
  }

  // Watched: something should come or leave, from the connection to the close

  get limit(): number {
    return this.#host.idleTimeout;
  }

  alarm(): void {
    // A reader of ours holds the reads: the peer may not even be able to speak. A full buffer that nobody reads is idle.
    if (!this.#flowing && (this.#userPaused || this.hasReader)) {
      this.alive();
      return;
    }
    const message = `expected bytes in either direction within ${this.limit} ms, none came or left; raise timeouts.idle or close the stream`;
    this.#host.raise(new IOStreamError(ETOIDLE, { phase: 'read', message }));
  }

  get buffer(): Buffer {
    return asBuffer(this.#buffer.view());
  }

  assign(bytes: Buffer): void {
    this.#buffer.assign(bytes);
    this.unstall();
  }

  /** Removes and returns bytes; all there are by default. */
  take(count: number = this.#buffer.length): Buffer {
    const taken = asBuffer(this.#buffer.take(count));
    this.unstall();
    return taken;
  }

  /** The user answered a reached limit, or may have: reading goes on at the end of the tick. */
  unstall(): void {
    this.#stalled = false;
    this.#host.pulse();
  }

  pause(): void {
    this.#userPaused = true;
    this.steer();
  }

  resume(): void {
    this.#userPaused = false;
    this.#host.pulse();
  }

  /** Whether somebody takes the bytes piece by piece: he has not seen the end yet. */
  get isPulled(): boolean {
    return this.#puller !== undefined;
  }

  /** Whether anybody ever took bytes as Observable or by iteration: he is told of the end. */
  get wasRead(): boolean {
    return this.#wasRead;
  }

  /** Whether somebody takes the bytes as Observable or by iteration. */
  get hasReader(): boolean {
    return this.#puller !== undefined || this.#readers.length > 0;
  }

  /** Whether anybody who takes the bytes so would hear of an error. */
  get isHeard(): boolean {
    return this.#readers.length > 0 || (this.#puller !== undefined && this.#puller.isHeard?.() !== false);
  }

  get data$(): Observable<Buffer> {
    return (this.#data$ ??= new Observable((subscriber) => this.#admit(subscriber)));
  }

  /** Not by a Subject: with its own subscription for each subscriber it would hold 0.7 KB more on an idle connection. */
  #admit(reader: Subscriber<Buffer>): void {
    this.#wasRead = true;
    if (this.#endTold) this.#endOne(reader, this.#endTold);
    else {
      this.#readers = this.#readers.length === 0 ? [reader] : [...this.#readers, reader];
      reader.add(new Leave(this, reader));
      this.#drainDue = true;
      this.#host.pulse();
    }
  }

  /** A subscriber of `data$` is gone. */
  dismiss(reader: Subscriber<Buffer>): void {
    this.#readers = this.#readers.length === 1 ? NO_READERS : this.#readers.filter((each) => each !== reader);
    this.#left();
  }

  /** Becomes the one who takes; undefined when there is one already. */
  attach(puller: Puller): (() => void) | undefined {
    if (this.#puller && this.#puller.hasEnded?.() !== true) return undefined;
    this.#puller = puller;
    this.#wasRead = true;
    this.#host.pulse();
    return () => {
      if (this.#puller !== puller) return;
      this.#puller = undefined;
      this.#left();
    };
  }

  #left(): void {
    this.#host.readerLeft();
    this.#host.pulse();
  }

  /** The end, for a reader that passes it on. */
  takeEnd(): ReadEnd | undefined {
    const { end } = this;
    if (end && 'error' in end) this.#host.errorHandled();
    return end;
  }

  /** What a puller gets next, if it is a chunk as it came that nobody else has seen or will see. */
  get unseen(): Uint8Array | undefined {
    return this.#readers.length === 0 ? this.#buffer.unseen : undefined;
  }

  /** The next piece for a puller; `data$` sees it too. */
  pull(): Buffer | undefined {
    const chunk = this.pullQuietly();
    if (chunk) this.show(chunk);
    return chunk;
  }

  /** The next piece for a puller, who will `show` what he keeps of it. */
  pullQuietly(): Buffer | undefined {
    if (this.#buffer.length === 0 || this.#userPaused || this.#abandoned) return undefined;
    const chunk = asBuffer(this.#buffer.take(this.#buffer.length));
    this.#handing += 1;
    this.steer();
    this.#handing -= 1;
    return chunk;
  }

  /** Lets `data$` see what a puller keeps. */
  show(bytes: Uint8Array): void {
    this.#tell(asBuffer(bytes));
  }

  /** Gives back, to the front, what a puller took and did not need. */
  putBack(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const rest = this.#buffer.take(this.#buffer.length);
    this.#buffer.append(bytes);
    this.#buffer.append(rest);
    this.#host.pulse();
  }

  /** How reading ended, once everything before has been taken. */
  get end(): ReadEnd | undefined {
    return this.#buffer.length === 0 || this.#abandoned ? this.#end : undefined;
  }

  push(bytes: Uint8Array): void {
    const chunk = asBuffer(bytes);
    this.alive();
    // The straight way: the bytes go to the subscribers as they came. Through the buffer it is 5 % slower on bulk.
    if (
      this.#buffer.length === 0 &&
      this.#readers.length > 0 &&
      this.#handing === 0 &&
      !this.#puller &&
      !this.#drainDue &&
      !this.#userPaused &&
      !this.#host.listensTo(IN)
    ) {
      this.#tell(chunk);
      return;
    }
    this.#buffer.append(chunk, true);
    // Asked before anything is told: what the callback changes counts from the next read on.
    const error = this.#limitError();
    this.#host.notify(IN);
    if (error) this.#host.raise(error);
    this.work();
  }

  /** EOF. */
  finish(): void {
    this.#end ??= {};
    this.#host.notify(EOF);
    this.work();
  }

  /** What is left in the buffer can still be taken; then the readers get this end. */
  close(end: ReadEnd): void {
    this.#end ??= end;
    this.#userPaused = false;
    this.awaits = false;
    this.#watchdog?.stop();
    this.#serve();
  }

  /** Our own close: readers get the end at once, and nothing more. */
  abandon(end: ReadEnd): void {
    this.#abandoned = true;
    this.#end = end;
    this.close(end);
  }

  /** Gives what is there to who wants it, and tells the wire whether to go on. */
  work(): void {
    this.#serve();
    this.steer();
  }

  #serve(): void {
    if (this.#handing > 0 && !this.#abandoned) {
      this.#host.pulse();
      return;
    }
    // First the puller: what he gives back comes before the end.
    if (this.#buffer.length > 0 || this.#end) this.#puller?.ready();
    this.#drain();
  }

  steer(): void {
    const flowing = this.#wanted();
    if (flowing === this.#flowing || this.#end) return;
    this.#flowing = flowing;
    if (flowing) this.alive();
    this.#host.give(flowing ? RESUME : PAUSE);
  }

  /** The stream is connected: from now on it can be idle. */
  open(): void {
    this.awaits = true;
    this.alive();
  }

  /** Something was read or written, or begins to be awaited: not idle. */
  alive(): void {
    if (this.awaits && this.limit !== Infinity) (this.#watchdog ??= new Watchdog(this.#host.scheduler, this)).touch();
  }

  retime(): void {
    this.#watchdog?.stop();
    this.alive();
  }

  #wanted(): boolean {
    if (this.#userPaused || this.#stalled) return false;
    const { waitFor } = this.#host;
    const unread = this.#readers.length === 0 && (waitFor === undefined || this.#missing(waitFor) !== undefined);
    return !(unread || this.#puller) || this.#buffer.length < this.#host.highWaterMark;
  }

  #drain(): void {
    this.#drainDue = false;
    if (this.#userPaused) return;
    if (!this.#abandoned && !this.#puller && this.#readers.length > 0 && this.#buffer.length > 0)
      this.#tell(asBuffer(this.#buffer.take(this.#buffer.length)));
    if (this.end) this.#tellEnd(this.end);
  }

  #tell(chunk: Buffer): void {
    this.#handing += 1;
    for (const reader of this.#readers) reader.next(chunk);
    this.#handing -= 1;
  }

  #tellEnd(end: ReadEnd): void {
    this.#endTold = end;
    const readers = this.#readers;
    this.#readers = NO_READERS;
    for (const reader of readers) this.#endOne(reader, end);
  }

  #endOne(reader: Subscriber<Buffer>, end: ReadEnd): void {
    if ('error' in end) this.#host.errorHandled();
    endReader(reader, end);
  }

  /** Which option is missing for bytes that nobody is told of; until it is there, only `highWaterMark` of them are read. */
  #missing(waitFor: EventMask): typeof EREQINEOF | typeof EREQINBUFLIMIT | undefined {
    if ((waitFor & IN) !== 0) return undefined;
    if ((waitFor & EOF) === 0) return EREQINEOF;
    return this.#host.inBufLimit === undefined ? EREQINBUFLIMIT : undefined;
  }

  #limitError(): IOStreamError | undefined {
    const { waitFor, inBufLimit = 0 } = this.#host;
    if (waitFor === undefined || this.hasReader) return undefined;
    const missing = this.#missing(waitFor);
    if (missing) return new IOStreamError(missing, { phase: 'read' });
    if ((waitFor & IN) !== 0 || inBufLimit === 0 || this.#buffer.length <= inBufLimit) return undefined;
    this.#stalled = true;
    const message = `expected at most inBufLimit = ${inBufLimit} bytes before EOF, got ${this.#buffer.length}; take bytes from inBuf or raise inBufLimit to read on`;
    return new IOStreamError(EINBUFLIMIT, { phase: 'read', message });
  }
}
