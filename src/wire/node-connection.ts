import type { Readable, Writable } from 'node:stream';
import { Socket } from 'node:net';
import type { Observer, SchedulerLike, Unsubscribable } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import type { DirectConnection, FlowSource } from './direct.ts';
import { discard, reset } from './discard.ts';
import { cannotWrite, closedOutside, phaseOf } from './fh-errors.ts';
import { freshSocket } from './fresh-socket.ts';
import { Linger } from './linger.ts';
import { NodeWriter, TLS_BATCH } from './node-writer.ts';
import { streamsOf, type OpeningTarget, type OpenStream } from './open-stream.ts';
import { checkPendingReset } from './pending-reset.ts';
import { END, type Dial, type Flow, type ResolvedSignal, type Timeouts, type Up } from './signal.ts';
import { bufferedReads, startReading, stopReading } from './socket-reads.ts';
import { addStreamEvents, addWriteEvents, removeStreamEvents, type StreamEventTarget } from './stream-events.ts';
import type { UpTarget } from './up-target.ts';

/** Opens the stream of one connection: an `Open` that knows its dial. */
type Opener = (target: OpeningTarget) => Unsubscribable | undefined;

/**
 * Connects the signals of one connection to a Node stream.
 *
 * ```text
 *   flow ──▶ next ──▶ NodeWriter ──▶ stream
 *     up ◀── onData, onEnd, … ◀───── stream
 * ```
 *
 * The class itself observes the flow and the stream, and is the teardown: each connection has one, and closures would take as
 * much memory as all its fields.
 */
export class NodeConnection implements DirectConnection, OpeningTarget, StreamEventTarget {
  // Only the parts of the dial that `complete` needs: a reference to the dial would keep all of it in memory.
  readonly #timeouts: Timeouts;
  readonly #scheduler: SchedulerLike;
  readonly #up: UpTarget;
  /** Gets the bytes: `#up`, or the observer behind it. One call less for each chunk. */
  readonly #receiver: Pick<Observer<Up>, 'next'>;
  /** Opens the stream. Undefined after `start`. */
  #opener: Opener | undefined;
  #opening: Unsubscribable | undefined;
  #readable: Readable | undefined;
  #writable: Writable | undefined;
  #writer: NodeWriter | undefined;
  /** Outbound signals. Buffered until the stream is open. */
  #deferred: Flow[] | undefined = [];
  #isPaused = false;
  #hasInputEnded = false;
  #hasOutputEnded = false;
  /** Number of streams that have not closed yet. */
  #openStreams = 0;
  /** Whether the peer answers our FIN with its own. */
  #peerSendsFin = false;
  /** Set when the application has closed. */
  #linger: Linger | undefined;
  /** The flow has ended: later signals are ignored, as a subscriber does. */
  #hasFlowEnded = false;
  isFreed = false;
  /** The socket below, if its stream is a TLS socket that was created on it. */
  #below: Socket | undefined;
  #hasStarted = false;

  /** @param receiver gets the bytes. */
  constructor({ timeouts, scheduler }: Dial, up: UpTarget, receiver: Pick<Observer<Up>, 'next'>, opener: Opener) {
    this.#timeouts = timeouts;
    this.#scheduler = scheduler;
    this.#up = up;
    this.#receiver = receiver;
    this.#opener = opener;
  }

  start(source?: FlowSource): void {
    const opener = this.#opener;
    this.#opener = undefined;
    source?.subscribe();
    try {
      this.#opening = opener?.(this);
    } catch (error) {
      this.#up.error(error);
    }
    if (this.isFreed) this.#opening?.unsubscribe();
  }

  resolved(signal: ResolvedSignal): void {
    this.#up.next(signal);
  }

  failed(error: unknown): void {
    this.#up.error(IOStreamError.from(error, { phase: 'connect' }));
  }

  opened(stream: OpenStream): void {
    try {
      this.#open(stream);
    } catch (error) {
      this.#up.error(error);
    }
  }

  /** Starts to read and write the stream. Called once. */
  #open({ readable, writable, fin = true, details }: OpenStream): void {
    this.#readable = readable;
    this.#writable = writable;
    if (writable) this.#writer = new NodeWriter(writable, this.#up);
    this.#hasInputEnded = !readable;
    this.#hasOutputEnded = !writable || writable.writableFinished;
    this.#peerSendsFin = fin && (readable as unknown) === writable;
    const streams = this.#streams();
    this.#openStreams = streams.length;
    for (const stream of streams) addStreamEvents(stream, this);
    if (readable && 'allowHalfOpen' in readable) readable.allowHalfOpen = true;
    if (writable) addWriteEvents(writable);
    const deferred = this.#deferred ?? [];
    this.#deferred = undefined;
    this.#up.next({ kind: 'connected', details: [details] });
    this.#hasStarted = true;
    for (const signal of deferred) this.next(signal);
    if (this.isFreed || this.#hasInputEnded || !readable || this.#below) return;
    if (readable.readableEnded)
      this.onEnd(); // 'end' was emitted before the listeners were added.
    else startReading(readable, this.#isPaused);
  }

  // TLS of Node on the socket itself

  /**
   * The socket, if TLS may take it over: it is one of Node's own class, without bytes that were read or are being written. True only
   * inside of `connected`, before reading starts.
   */
  get freshSocket(): Socket | undefined {
    const isTaken = this.#hasStarted || this.isFreed || this.#below !== undefined || this.#readable !== (this.#writable as unknown);
    return isTaken ? undefined : freshSocket(this.#readable);
  }

  /** Writes to a TLS socket on `freshSocket` from now on. Its input does not pass through here, only `endInput`. */
  encrypt(secure: Socket, below: Socket): void {
    removeStreamEvents(below);
    this.#below = below;
    this.#readable = secure;
    this.#writable = secure;
    this.#writer = new NodeWriter(secure, this.#up, TLS_BATCH);
    addStreamEvents(secure, this);
    addWriteEvents(secure);
  }

  /** Called when the input of the TLS socket has ended. */
  endInput(): void {
    this.#hasInputEnded = true;
    this.#destroyIfEnded();
  }

  #streams(): readonly (Readable | Writable)[] {
    return streamsOf({ readable: this.#readable, writable: this.#writable });
  }

  // Outbound signals

  next(signal: Flow): void {
    if (this.#hasFlowEnded) return;
    try {
      this.#receive(signal);
    } catch (error) {
      this.#hasFlowEnded = true;
      this.#up.error(error);
    }
  }

  #receive(signal: Flow): void {
    switch (signal.kind) {
      case 'data':
        if (this.#deferred) this.#deferred.push(signal);
        else if (this.#writer) this.#writer.write(signal.bytes);
        else throw cannotWrite();
        return;
      case 'end':
        if (this.#deferred) this.#deferred.push(signal);
        else this.#writer?.end();
        return;
      case 'pause':
        this.#isPaused = true;
        this.#readable?.pause();
        return;
      case 'resume':
        this.#isPaused = false;
        this.#readable?.resume();
        return;
    }
  }

  /** Closes: sends the queued bytes and our end, then waits for the end of the input, and drops it. */
  complete(): void {
    if (this.#hasFlowEnded) return;
    this.#hasFlowEnded = true;
    if (this.#deferred) {
      this.#up.complete();
      return;
    }
    this.#linger = new Linger(this.#timeouts.close, this.#scheduler, () => this.#giveUp());
    this.#writer?.watch(this.#linger);
    if (this.#peerSendsFin) this.#readable?.resume();
    else {
      this.#hasInputEnded = true;
      this.#readable?.pause(); // Reading and writing a file share its position.
    }
    this.#writer?.end();
    if (this.#hasOutputEnded) this.#awaitFin();
    this.#destroyIfEnded();
  }

  /** Resets. */
  error(reason: unknown): void {
    if (this.#hasFlowEnded) return;
    this.#hasFlowEnded = true;
    if (this.#readable instanceof Socket) reset(this.#readable, this.#below);
    this.#up.error(reason);
  }

  // Events of the stream

  onData(chunk: Uint8Array): void {
    if (!this.#linger) this.#receiver.next({ kind: 'data', bytes: chunk });
  }

  onEnd(): void {
    if (this.#linger) this.#endInput();
    else checkPendingReset(this.#readable, (error) => (error ? this.onError(error) : this.#endInput()));
  }

  onDrain(): void {
    this.#writer?.feed();
  }

  onFinish(): void {
    this.#writer?.reportSent();
    this.#hasOutputEnded = true;
    this.#awaitFin();
    this.#destroyIfEnded();
  }

  onError(error: Error): void {
    const phase = this.#linger ? 'close' : phaseOf(error);
    if (!this.#linger) this.#emitBuffered();
    this.#up.error(IOStreamError.from(error, { phase }));
  }

  onClose(): void {
    this.#openStreams -= 1;
    if (this.#openStreams > 0) return;
    if (this.#hasOutputEnded && (this.#hasInputEnded || this.#linger)) this.#up.complete();
    else this.onError(closedOutside());
  }

  #endInput(): void {
    this.#hasInputEnded = true;
    if (!this.#linger) this.#up.next(END);
    this.#destroyIfEnded();
  }

  /** Emits the bytes that were read before an error. Node destroys the stream then, but keeps them in its buffer. */
  #emitBuffered(): void {
    if (!this.#readable) return;
    for (const chunk of bufferedReads(this.#readable)) if (!this.isFreed) this.onData(chunk);
  }

  // Closing

  #awaitFin(): void {
    if (this.#peerSendsFin && this.#readable) this.#linger?.awaitFin(this.#readable);
  }

  /** Destroys the stream when both directions have ended. The 'close' event then completes Up. */
  #destroyIfEnded(): void {
    if (this.#hasInputEnded && this.#hasOutputEnded) for (const stream of this.#streams()) stream.destroy();
  }

  #giveUp(): void {
    this.unsubscribe();
    this.#up.complete();
  }

  /** Frees the stream at once. */
  unsubscribe(): void {
    if (this.isFreed) return;
    this.isFreed = true;
    this.#hasFlowEnded = true;
    this.#linger?.stop();
    if (this.#readable) stopReading(this.#readable);
    for (const stream of this.#streams()) {
      removeStreamEvents(stream);
      discard(stream, this.#below);
    }
    this.#opening?.unsubscribe();
  }
}
