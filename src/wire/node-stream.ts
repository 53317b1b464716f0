import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { Observable, type SchedulerLike, type Subscriber, type Subscription, type Unsubscribable } from 'rxjs';
import { IOStreamError, type Phase } from '../errors.ts';
import { discard, reset } from './discard.ts';
import { NodeWriter } from './node-writer.ts';
import { guardedSubscriber, type GuardedObserver } from '../util/guarded-subscriber.ts';
import { END, type Dial, type Flow, type LayerDetails, type ResolvedSignal, type Timeouts, type Up, type Wire } from './signal.ts';
import { endReads } from './socket-reads.ts';
import { after } from '../util/timer.ts';

/** An open Node stream, or two that belong together. A direction may be missing. */
export interface OpenStream {
  readonly kind: 'opened';
  readonly readable?: Readable | undefined;
  readonly writable?: Writable | undefined;
  /** Whether the peer answers our end with its own FIN. False for pipes, terminals and files. @default true */
  readonly fin?: boolean | undefined;
  readonly details: LayerDetails;
}

const NOTHING = new Uint8Array(0);

/** Key of the carrier on its Node stream. Thus all connections share one set of listeners, which need no closures. */
const CONNECTION = Symbol('rxjs-io-stream carrier');
type Connected<S> = S & { [CONNECTION]?: NodeConnection | undefined };

/**
 * Creates a wire from a function that opens a Node stream. The stream is freed however the connection ends.
 *
 * Sets `allowHalfOpen` on the stream, because a half-close must never close the other direction. Changes no other option.
 *
 * @param open returns an Observable of the `resolved` signals, then the open stream. When it is unsubscribed before it has
 *   emitted the stream, it must free the stream itself.
 */
export function nodeStream(open: (dial: Dial) => Observable<ResolvedSignal | OpenStream>): Wire {
  return (dial) => (flow$) => new Observable<Up>((up) => new NodeConnection(dial, up).start(open(dial), flow$));
}

/**
 * Connects the signals of one connection to a Node stream. The class itself is the observer of the flow and its teardown: each
 * connection has one, and closures would take as much memory as all its fields.
 */
class NodeConnection implements GuardedObserver<Flow>, Unsubscribable {
  // Only the parts of the dial that `close` needs: a reference to the dial would keep all of it in memory.
  readonly #timeouts: Timeouts;
  readonly #scheduler: SchedulerLike;
  readonly #up: Subscriber<Up>;
  #readable: Readable | undefined;
  #writable: Writable | undefined;
  /** Outbound signals. Buffered until the stream is open. */
  #early: Flow[] | undefined = [];
  #paused = false;
  #inEnded = false;
  #outEnded = false;
  /** Streams that have not closed yet. */
  #openStreams = 0;
  /** Whether to wait for the peer's FIN after our own. */
  #lingers = false;
  #writer: NodeWriter | undefined;
  #closing = false;
  #freed = false;
  #closeTimer: Subscription | undefined;
  #flow: Subscriber<Flow> | undefined;
  #opening: Subscriber<ResolvedSignal | OpenStream> | undefined;
  /** Time of the last progress of the close, on the clock of the dial's scheduler. */
  #movedAt = 0;

  constructor({ timeouts, scheduler }: Dial, up: Subscriber<Up>) {
    this.#timeouts = timeouts;
    this.#scheduler = scheduler;
    this.#up = up;
  }

  start(opening$: Observable<ResolvedSignal | OpenStream>, flow$: Observable<Flow>): void {
    this.#flow = guardedSubscriber<Flow>(this);
    this.#opening = guardedSubscriber<ResolvedSignal | OpenStream>({
      next: (signal) => (signal.kind === 'opened' ? this.#open(signal) : this.#up.next(signal)),
      error: (error: unknown) => this.caught(IOStreamError.from(error, { phase: 'connect' })),
      complete: ignore,
      caught: (error: unknown) => this.caught(error),
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

  /** Called when one of our own callbacks threw. */
  caught(error: unknown): void {
    this.#up.error(error);
  }

  #open({ readable, writable, fin = true, details }: OpenStream): void {
    this.#opening = undefined;
    this.#readable = readable;
    this.#writable = writable;
    if (writable) this.#writer = new NodeWriter(writable, this.#up);
    this.#inEnded = !readable;
    this.#outEnded = !writable || writable.writableFinished;
    this.#lingers = fin && (readable as unknown) === writable;
    for (const stream of this.#streams()) {
      this.#openStreams += 1;
      (stream as Connected<typeof stream>)[CONNECTION] = this;
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
      this.readEnd(); // 'end' was emitted before the listeners were added.
      return;
    }
    // Pause before adding the 'data' listener: adding it schedules a resume at the end of the tick unless the stream is paused.
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

  // Outbound

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

  // Inbound

  read(chunk: Uint8Array): void {
    if (!this.#closing) this.#up.next({ kind: 'data', bytes: chunk });
  }

  /**
   * Reports EOF, or ECONNRESET if the peer has reset the connection. libuv may report EOF although a RST followed the last bytes.
   * A zero-length write surfaces the pending ECONNRESET, so that truncated input does not look complete.
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
    this.#writer?.reportSent();
    this.#outEnded = true;
    if (this.#closing && this.#lingers) this.#linger();
    this.#settle();
  }

  failed(error: Error): void {
    if (this.#closing) {
      this.#up.error(IOStreamError.from(error, { phase: 'close' }));
      return;
    }
    // Node destroys the stream on an error. Bytes read before the error are still in its buffer.
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

  // Closing

  /** Destroys the stream when both directions have ended. The 'close' event then completes Up. */
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
      this.#readable?.pause(); // Reading and writing a file share its position.
    }
    this.#writer?.end();
    if (this.#outEnded && this.#lingers) this.#linger();
    this.#watchClose(this.#timeouts.close);
    this.#settle();
  }

  /**
   * Starts to wait for the peer's FIN after our FIN was sent. Input of a socket is read and dropped until then: closing a socket
   * with unread input makes Linux send RST, and the peer would lose our last bytes. Other streams close at once.
   */
  #linger(): void {
    (this.#readable as Partial<Socket>).unref?.();
    this.#movedAt = this.#scheduler.now();
  }

  /**
   * Limits the time without progress to `timeouts.close`. The timer does not keep the process alive. Unsent bytes do so by
   * themselves, and waiting for the peer's FIN must not.
   */
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
      (stream as Connected<typeof stream>)[CONNECTION] = undefined;
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

function onData(this: Connected<Readable>, chunk: Uint8Array): void {
  this[CONNECTION]?.read(chunk);
}
function onEnd(this: Connected<Readable>): void {
  this[CONNECTION]?.readEnd();
}
function onDrain(this: Connected<Writable>): void {
  this[CONNECTION]?.drained();
}
function onFinish(this: Connected<Writable>): void {
  this[CONNECTION]?.finished();
}
function onError(this: Connected<Readable | Writable>, error: Error): void {
  this[CONNECTION]?.failed(error);
}
function onClose(this: Connected<Readable | Writable>): void {
  this.off('close', onClose); // process.stdout emits 'close' twice.
  this[CONNECTION]?.closed();
}
function ignore(): void {
  // nothing to do
}
