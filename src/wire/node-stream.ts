import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { Observable, type SchedulerLike, type Subscriber, type Subscription, type Unsubscribable } from 'rxjs';
import { IOStreamError, type Phase } from '../errors.ts';
import { discard, reset } from './discard.ts';
import { NodeWriter } from './node-writer.ts';
import { inlet, type Guarded } from './operate.ts';
import { END, type Dial, type Flow, type LayerDetails, type ResolvedSignal, type Timeouts, type Up, type Wire } from './signal.ts';
import { endReads } from './socket-reads.ts';
import { after } from './timer.ts';

/** A stream of Node that is open, or two that belong together; a direction may be missing. */
export interface Opened {
  readonly kind: 'opened';
  readonly readable?: Readable | undefined;
  readonly writable?: Writable | undefined;
  /** Whether the peer answers our end with a FIN of its own: not with pipes, terminals and files. @default true */
  readonly fin?: boolean | undefined;
  readonly details: LayerDetails;
}

const NOTHING = new Uint8Array(0);

/** Where a stream of Node finds its carrier: the listeners are functions without a closure, one set for all connections. */
const CARRIER = Symbol('rxjs-io-stream carrier');
type Carried<S> = S & { [CARRIER]?: Carrier | undefined };

/**
 * Makes a wire of a way to open a stream of Node. The stream is freed however the connection ends.
 *
 * The stream is taken as it is, but for `allowHalfOpen`, which is switched on: a half-close never closes the other direction.
 *
 * @param open emits what was resolved, then the open stream; unsubscribed, it frees what it has not emitted.
 */
export function nodeStream(open: (dial: Dial) => Observable<ResolvedSignal | Opened>): Wire {
  return (dial) => (flow$) => new Observable<Up>((up) => new Carrier(dial, up).start(open(dial), flow$));
}

/**
 * One connection: signals on the one side, a stream of Node on the other. It observes the flow itself and frees itself: there is
 * one for every connection, and closures would weigh as much as all its fields.
 */
class Carrier implements Guarded<Flow>, Unsubscribable {
  // Of the dial only what is needed when it closes: the rest would stay as long as the connection.
  readonly #timeouts: Timeouts;
  readonly #scheduler: SchedulerLike;
  readonly #up: Subscriber<Up>;
  #readable: Readable | undefined;
  #writable: Writable | undefined;
  /** What the application gave before the stream was open. */
  #early: Flow[] | undefined = [];
  #paused = false;
  #inEnded = false;
  #outEnded = false;
  /** Streams that have not closed yet. */
  #openStreams = 0;
  /** After our FIN we wait for the peer's. */
  #lingers = false;
  #writer: NodeWriter | undefined;
  #closing = false;
  #freed = false;
  #closeTimer: Subscription | undefined;
  #flow: Subscriber<Flow> | undefined;
  #opening: Subscriber<ResolvedSignal | Opened> | undefined;
  /** When the close last got on, on the clock of the dial. */
  #movedAt = 0;

  constructor({ timeouts, scheduler }: Dial, up: Subscriber<Up>) {
    this.#timeouts = timeouts;
    this.#scheduler = scheduler;
    this.#up = up;
  }

  start(opening$: Observable<ResolvedSignal | Opened>, flow$: Observable<Flow>): void {
    this.#flow = inlet<Flow>(this);
    this.#opening = inlet<ResolvedSignal | Opened>({
      next: (signal) => (signal.kind === 'opened' ? this.#open(signal) : this.#up.next(signal)),
      error: (error: unknown) => this.fail(IOStreamError.from(error, { phase: 'connect' })),
      complete: ignore,
      fail: (error: unknown) => this.fail(error),
    });
    this.#up.add(this);
    flow$.subscribe(this.#flow);
    if (!this.#freed) opening$.subscribe(this.#opening);
  }

  unsubscribe(): void {
    this.#flow?.unsubscribe();
    this.#opening?.unsubscribe();
    this.#free();
  }

  /** Something of ours threw. */
  fail(error: unknown): void {
    this.#up.error(error);
  }

  #open({ readable, writable, fin = true, details }: Opened): void {
    this.#opening = undefined;
    this.#readable = readable;
    this.#writable = writable;
    if (writable) this.#writer = new NodeWriter(writable, this.#up);
    this.#inEnded = !readable;
    this.#outEnded = !writable || writable.writableFinished;
    this.#lingers = fin && (readable as unknown) === writable;
    for (const stream of this.#streams()) {
      this.#openStreams += 1;
      (stream as Carried<typeof stream>)[CARRIER] = this;
      stream.on('error', onError).on('close', onClose);
    }
    if (readable && 'allowHalfOpen' in readable) readable.allowHalfOpen = true;
    writable?.on('drain', onDrain).on('finish', onFinish);
    const early = this.#early ?? [];
    this.#early = undefined;
    this.#up.next({ kind: 'connected', details: [details] });
    for (const signal of early) this.next(signal);
    if (this.#freed || this.#inEnded || !readable) return;
    if (readable.readableEnded) {
      this.readEnd(); // It was told before we listened.
      return;
    }
    // Before `'data'` is listened to: that resumes what is not paused, at the end of the tick whatever comes meanwhile.
    if (this.#paused) readable.pause();
    readable.on('end', onEnd).on('data', onData);
    if (!this.#paused) readable.resume();
  }

  #streams(): readonly (Readable | Writable)[] {
    const readable = this.#readable;
    const writable = this.#writable;
    if (!readable || !writable) return [readable ?? writable].filter((stream) => stream !== undefined);
    return (readable as unknown) === writable ? [readable] : [readable, writable];
  }

  // Down

  next(signal: Flow): void {
    switch (signal.kind) {
      case 'data':
        if (this.#early) this.#early.push(signal);
        else if (this.#writer) this.#writer.write(signal.bytes);
        else throw cannotWrite();
        return;
      case 'end':
        if (this.#early) this.#early.push(signal);
        else this.#writer?.end();
        return;
      case 'pause':
        this.#paused = true;
        this.#readable?.pause();
        return;
      case 'resume':
        this.#paused = false;
        this.#readable?.resume();
        return;
    }
  }

  // Up

  read(chunk: Uint8Array): void {
    if (!this.#closing) this.#up.next({ kind: 'data', bytes: chunk });
  }

  /**
   * libuv tells an EOF, too, when a reset follows upon the last bytes, but the socket still knows: writing nothing asks it.
   * Input that was cut off must not look whole.
   */
  readEnd(): void {
    if (this.#closing || !this.#isQuietTcp()) {
      this.#tellEnd();
      return;
    }
    this.#writable?.write(NOTHING, (error: NodeJS.ErrnoException | null | undefined) => {
      if (error?.code === 'ECONNRESET') this.failed(wasReset(error));
      else this.#tellEnd();
    });
  }

  #isQuietTcp(): boolean {
    const socket = this.#readable;
    if (!(socket instanceof Socket) || 'encrypted' in socket) return false;
    return socket.writable && socket.writableLength === 0 && socket.localFamily !== undefined;
  }

  #tellEnd(): void {
    this.#inEnded = true;
    if (!this.#closing) this.#up.next(END);
    this.#settle();
  }

  drained(): void {
    this.#writer?.feed();
  }

  finished(): void {
    this.#writer?.tellSent();
    this.#outEnded = true;
    if (this.#closing && this.#lingers) this.#linger();
    this.#settle();
  }

  failed(error: Error): void {
    if (this.#closing) {
      this.#up.error(IOStreamError.from(error, { phase: 'close' }));
      return;
    }
    // Node destroys the stream on an error; what it had read before is still in its buffer.
    for (let chunk = this.#readBuffered(); chunk && !this.#freed; chunk = this.#readBuffered()) this.read(chunk);
    this.#up.error(IOStreamError.from(error, { phase: phaseOf(error) }));
  }

  #readBuffered(): Uint8Array | null {
    this.#readable?.off('data', onData);
    return (this.#readable?.read() as Uint8Array | null | undefined) ?? null;
  }

  closed(): void {
    this.#openStreams -= 1;
    if (this.#openStreams > 0) return;
    if (this.#outEnded && (this.#inEnded || this.#closing)) this.#up.complete();
    else this.failed(closedByOthers());
  }

  // The end

  /** Both directions have ended: the handle is freed, and `close` tells. */
  #settle(): void {
    if (this.#inEnded && this.#outEnded) for (const stream of this.#streams()) stream.destroy();
  }

  complete(): void {
    if (this.#early) {
      this.#up.complete();
      return;
    }
    this.#closing = true;
    this.#movedAt = this.#scheduler.now();
    this.#writer?.watch(this.#scheduler);
    if (this.#lingers) this.#readable?.resume();
    else {
      this.#inEnded = true;
      this.#readable?.pause(); // A file's position is where we write, too.
    }
    this.#writer?.end();
    if (this.#outEnded && this.#lingers) this.#linger();
    this.#watchClose(this.#timeouts.close);
    this.#settle();
  }

  /**
   * Our FIN has left. With a socket, what still comes is read and thrown away until the peer's FIN: closing over unread input
   * makes Linux send RST, and the peer would lose what we sent. Other streams are closed at once.
   */
  #linger(): void {
    (this.#readable as Partial<Socket>).unref?.();
    this.#movedAt = this.#scheduler.now();
  }

  /** Bytes that wait keep the process alive by themselves; waiting for the peer's FIN shall not. */
  #watchClose(ms: number): void {
    const look = (): void => {
      const left = Math.max(this.#movedAt, this.#writer?.movedAt ?? 0) + this.#timeouts.close - this.#scheduler.now();
      if (left > 0) this.#watchClose(left);
      else this.#giveUp();
    };
    this.#closeTimer = after(ms, this.#scheduler, look, { unref: true });
  }

  #giveUp(): void {
    this.#free();
    this.#up.complete();
  }

  error(reason: unknown): void {
    const socket = this.#readable;
    if (socket instanceof Socket) reset(socket);
    this.#up.error(reason);
  }

  #free(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.#closeTimer?.unsubscribe();
    if (this.#readable) endReads(this.#readable.off('data', onData).off('end', onEnd));
    this.#writable?.off('drain', onDrain).off('finish', onFinish);
    for (const stream of this.#streams()) {
      (stream as Carried<typeof stream>)[CARRIER] = undefined;
      stream.off('close', onClose);
      stream.off('error', onError);
      discard(stream);
    }
  }
}

function cannotWrite(): IOStreamError {
  const message = 'expected an fh that can be written, got one that can only be read';
  return new IOStreamError('EBADF', { phase: 'write', errno: -9, message });
}

function wasReset(cause: NodeJS.ErrnoException): IOStreamError {
  const { errno } = cause;
  return new IOStreamError('ECONNRESET', { phase: 'read', errno, message: 'read ECONNRESET', cause, facts: { syscall: 'read' } });
}

function closedByOthers(): IOStreamError {
  const message = 'expected the fh to stay open, it was closed by somebody else; close it with io.close()';
  return new IOStreamError('ERR_STREAM_PREMATURE_CLOSE', { phase: 'read', message });
}

function phaseOf(error: Error): Phase {
  const { syscall } = error as { syscall?: string };
  return syscall === 'write' || syscall === 'shutdown' ? 'write' : 'read';
}

function onData(this: Carried<Readable>, chunk: Uint8Array): void {
  this[CARRIER]?.read(chunk);
}
function onEnd(this: Carried<Readable>): void {
  this[CARRIER]?.readEnd();
}
function onDrain(this: Carried<Writable>): void {
  this[CARRIER]?.drained();
}
function onFinish(this: Carried<Writable>): void {
  this[CARRIER]?.finished();
}
function onError(this: Carried<Readable | Writable>, error: Error): void {
  this[CARRIER]?.failed(error);
}
function onClose(this: Carried<Readable | Writable>): void {
  this.off('close', onClose); // process.stdout tells it twice
  this[CARRIER]?.closed();
}
function ignore(): void {
  // nothing to do
}
