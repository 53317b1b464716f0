import { noop, type Observer, type Subscription } from 'rxjs';
import { EPROTOCOL, IOStreamError } from '../../errors.ts';
import { describeWithType } from '../../util/describe.ts';
import { isObject } from '../../util/value-tests.ts';
import { nextTurn } from '../../util/next-turn.ts';
import { bytesOf } from '../../util/plain-view.ts';
import { after } from '../../util/timer.ts';
import { withEndpoints } from '../endpoints.ts';
import { mediumError } from '../medium-error.ts';
import type { Dial, Up } from '../signal.ts';
import { WebConnection } from '../web-connection.ts';
import { wireDetails } from '../wire-details.ts';
import { socketEndpoints, WebStreamsHandle } from './socket-facts.ts';
import type { WebReadable, WebStreamsSocket, WebWritable } from './web-streams-socket.ts';

/** Unsent bytes at which the application is paused. `desiredSize` of the writable may count chunks: 16,384 of them in Node. */
const HIGH_WATER_MARK = 64 * 1024;

/** Maximum bytes of one write, so that a slow transfer still shows progress. */
const MAX_WRITE = 64 * 1024;

/** Reads after which the wire waits for the next turn of the event loop. */
const READS_PER_TURN = 16;

const EXPECTED = 'expected webStreams to get a socket with `readable` and `writable`';

type Reader = ReturnType<WebReadable['getReader']>;
type Writer = ReturnType<WebWritable['getWriter']>;

/** Connects signals to the two streams of a socket. */
export class WebStreamsConnection extends WebConnection {
  readonly #dialSocket: () => WebStreamsSocket | PromiseLike<WebStreamsSocket>;
  #socket: WebStreamsSocket | undefined;
  #reader: Reader | undefined;
  #writer: Writer | undefined;
  #isReading = false;
  #reads = 0;
  /** Settles when the last write has. */
  #lastWrite: Promise<unknown> = Promise.resolve();
  /** Our direction has failed. Reported when the readable bytes have been read. */
  #failure: IOStreamError | undefined;
  #failing: Subscription | undefined;

  constructor(dial: Dial, up: Observer<Up>, dialSocket: () => WebStreamsSocket | PromiseLike<WebStreamsSocket>) {
    super(dial, up, HIGH_WATER_MARK);
    this.#dialSocket = dialSocket;
  }

  // Opening

  protected override open(): void {
    const socket = this.#dialSocket();
    this.#open(socket).catch((error: unknown) => this.fail(mediumError(error, 'connect', 'the socket could not be opened')));
  }

  async #open(dialled: WebStreamsSocket | PromiseLike<WebStreamsSocket>): Promise<void> {
    const given: unknown = await dialled;
    if (!isObject(given)) {
      this.fail(new TypeError(`${EXPECTED}, got ${describeWithType(given)}`));
      return;
    }
    const socket = given as WebStreamsSocket;
    this.#socket = socket;
    if (this.isFreed) {
      discard(socket);
      return;
    }
    // Prevents an unhandled rejection, too.
    socket.closed?.then(noop, (error: unknown) => this.#failAfterReads(mediumError(error, this.#phase('read'), 'the socket was lost')));
    this.#opened(socket, await socket.opened);
  }

  #opened(socket: WebStreamsSocket, info: unknown): void {
    if (this.isFreed) return;
    const { readable = socket.readable, writable = socket.writable, alpn } = (isObject(info) ? info : {}) as Opened;
    const problem = problemOf(readable, writable);
    if (problem !== undefined || !readable || !writable) {
      this.fail(new TypeError(`${EXPECTED}, ${problem}`));
      return;
    }
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    const facts = { wire: 'web-streams', ...(typeof alpn === 'string' ? { alpn } : {}) };
    const endpoints = socketEndpoints(socket, info);
    this.connected(withEndpoints(wireDetails(facts, new WebStreamsHandle(socket, endpoints)), endpoints));
  }

  // Inbound

  protected override read(): void {
    if (this.isFreed || this.#isReading || this.hasInputEnded || !this.#reader || (this.isPaused && !this.isClosing)) return;
    this.#isReading = true;
    this.#reads += 1;
    // A source that never waits would keep the event loop in its microtasks for ever.
    if (this.#reads % READS_PER_TURN === 0) nextTurn(() => this.#readNow());
    else this.#readNow();
  }

  #readNow(): void {
    if (!this.isFreed) this.#reader?.read().then(this.#onRead, this.#onReadError);
  }

  /** A read that is pending when the application pauses still emits its bytes: they are in flight. */
  protected override pause(): void {}

  readonly #onRead = ({ done, value }: { readonly done: boolean; readonly value?: unknown }): void => {
    this.#isReading = false;
    if (this.isFreed) return;
    if (!done) {
      const bytes = bytesOf(value);
      if (bytes) this.data(bytes);
      else this.fail(notBytes(value));
      this.read();
    } else if (this.#failure) this.fail(this.#failure);
    else this.inputEnded();
  };

  readonly #onReadError = (error: unknown): void => {
    this.#isReading = false;
    this.fail(this.#failure ?? mediumError(error, this.#phase('read'), 'the readable side failed'));
  };

  // Outbound

  protected override write(bytes: Uint8Array): void {
    const writer = this.#writer;
    if (!writer) return;
    for (let at = 0; at < bytes.length; at += MAX_WRITE) {
      const piece = bytes.subarray(at, at + MAX_WRITE);
      const { length } = piece;
      this.#lastWrite = writer.write(piece as never).then(() => this.sent(length), this.#onWriteError);
    }
  }

  protected override end(): void {
    const { closeWrite } = this.#socket ?? {};
    const ended = closeWrite ? this.#lastWrite.then(() => closeWrite.call(this.#socket)) : this.#writer?.close();
    ended?.then(() => this.outputEnded(), this.#onWriteError);
  }

  readonly #onWriteError = (error: unknown): void => {
    this.#failAfterReads(mediumError(error, this.#phase('write'), 'the writable side failed'));
  };

  /**
   * Reports a failure when all readable bytes have been read: at the end of the readable, its error, or after `timeouts.close`. The
   * streams are independent, and a peer that stops reading may still have answered.
   */
  #failAfterReads(error: IOStreamError): void {
    if (this.isFreed || this.#failure) return;
    this.#failure = error;
    if (this.hasInputEnded || this.isClosing || !this.isConnected) this.fail(error);
    else {
      this.#failing = after(this.dial.timeouts.close, this.dial.scheduler, () => this.fail(error));
      this.read();
    }
  }

  #phase(phase: 'read' | 'write'): 'connect' | 'read' | 'write' | 'close' {
    if (!this.isConnected) return 'connect';
    return this.isClosing ? 'close' : phase;
  }

  protected override free(reason: unknown): void {
    this.#failing?.unsubscribe();
    const socket = this.#socket;
    if (!socket) return; // Still being dialled: freed when it exists.
    const reader = this.#reader;
    const writer = this.#writer;
    if (!reader || !writer) {
      discard(socket, reason);
      return;
    }
    if (!this.hasInputEnded) quietly(() => reader.cancel(reason));
    if (!this.hasOutputEnded) quietly(() => writer.abort(reason));
    quietly(() => reader.releaseLock());
    quietly(() => writer.releaseLock());
    quietly(() => socket.close?.());
  }
}

/** What `opened` may resolve with. */
interface Opened {
  readonly readable?: WebReadable;
  readonly writable?: WebWritable;
  readonly alpn?: unknown;
}

/** Returns what is wrong with the two streams; undefined if nothing is. */
function problemOf(readable: WebReadable | undefined, writable: WebWritable | undefined): string | undefined {
  if (!readable || !writable) return 'one of them is missing';
  return readable.locked || writable.locked ? 'one of them is locked; open a new socket for each connection' : undefined;
}

/** Frees a socket whose streams are not locked. */
function discard(socket: WebStreamsSocket, reason?: unknown): void {
  quietly(() => socket.readable?.cancel(reason));
  quietly(() => socket.writable?.abort(reason));
  quietly(() => socket.close?.());
}

/** Calls a function whose errors concern nothing that is still in use: the connection has ended, or its error was reported. */
function quietly(work: () => unknown): void {
  try {
    Promise.resolve(work()).catch(noop);
  } catch {
    // As a rejection.
  }
}

function notBytes(value: unknown): IOStreamError {
  const message = `expected \`readable\` to emit bytes, got ${describeWithType(value)}; encode text with a TextEncoderStream`;
  return new IOStreamError(EPROTOCOL, { phase: 'read', message });
}
