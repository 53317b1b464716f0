import { noop, type Observer, type Subscription } from 'rxjs';
import { EINBUFLIMIT, EPROTOCOL, IOStreamError } from '../../errors.ts';
import { describeWithType } from '../../util/describe.ts';
import { bytesOf } from '../../util/plain-view.ts';
import { utf8 } from '../../util/utf8.ts';
import { after } from '../../util/timer.ts';
import { mediumError } from '../medium-error.ts';
import { END, type Dial, type Up } from '../signal.ts';
import { WebConnection } from '../web-connection.ts';
import { wireDetails } from '../wire-details.ts';
import { closeError, closeFacts, isInOrder, LOST, NORMAL, RESET, type WebSocketClose } from './close-codes.ts';
import { WebSocketInbox } from './web-socket-inbox.ts';
import { CLOSED, CONNECTING, OPEN, type WebSocketLike } from './web-socket-like.ts';
import type { WebSocketSettings } from './web-socket-options.ts';
import { WebSocketWriter } from './web-socket-writer.ts';

const EVENTS = ['open', 'message', 'error', 'close'] as const;

type SocketEvent =
  | { readonly type: 'open' }
  | { readonly type: 'message'; readonly data?: unknown }
  | { readonly type: 'error'; readonly error?: unknown; readonly message?: unknown }
  | ({ readonly type: 'close' } & WebSocketClose);

/** Connects signals to a WebSocket. */
export class WebSocketConnection extends WebConnection {
  readonly #settings: WebSocketSettings;
  readonly #dialSocket: (dial: Dial) => WebSocketLike;
  readonly #inbox: WebSocketInbox;
  #socket: WebSocketLike | undefined;
  #writer: WebSocketWriter | undefined;
  #isDelivering = false;
  /** What the event `error` reports. `close` comes behind it. */
  #cause: unknown;
  /** How the input ends behind the messages of the inbox. */
  #inputEnd: WebSocketClose | 'half-close' | undefined;
  #shutting: Subscription | undefined;

  constructor(dial: Dial, up: Observer<Up>, settings: WebSocketSettings, dialSocket: (dial: Dial) => WebSocketLike) {
    super(dial, up, settings.highWaterMark);
    this.#settings = settings;
    this.#dialSocket = dialSocket;
    this.#inbox = new WebSocketInbox(settings.inBufLimit);
  }

  // Opening

  protected override open(): void {
    const socket = (this.#socket = this.#dialSocket(this.dial));
    // `ws` emits Buffers without a copy; a Blob must be awaited.
    if (socket.binaryType !== 'nodebuffer') socket.binaryType = 'arraybuffer';
    for (const type of EVENTS) socket.addEventListener(type as never, this.#onEvent as never);
    if (socket.readyState === OPEN) this.#onOpen();
    else if (socket.readyState !== CONNECTING) this.fail(notNew('ENOTCONN', -107, 'closed'));
  }

  readonly #onEvent = (event: SocketEvent): void => {
    if (event.type === 'open') this.#onOpen();
    else if (event.type === 'message') this.#onMessage(event.data);
    else if (event.type === 'error') this.#onError(event.error ?? event.message);
    else this.#onClose(event);
  };

  #onOpen(): void {
    const socket = this.#socket;
    if (!socket || this.isFreed) return;
    const { scheduler } = this.dial;
    const { sendAs, highWaterMark } = this.#settings;
    this.#writer = new WebSocketWriter(socket, {
      sendAs,
      highWaterMark,
      scheduler,
      onSent: (bytes) => this.sent(bytes),
      onFlushed: () => this.#onFlushed(),
      onError: (error) => this.fail(error),
    });
    const { protocol, extensions = '' } = socket;
    if (this.isPaused) this.pause();
    this.connected(wireDetails({ wire: 'websocket', protocol, extensions }, socket));
  }

  // Inbound

  #onMessage(data: unknown): void {
    const bytes = typeof data === 'string' ? utf8(data) : bytesOf(data);
    if (!bytes) {
      this.fail(notBytes(data));
      return;
    }
    this.#writer?.update(); // Timers of a hidden page are slow, its messages are not.
    if (this.isFreed) return;
    const { inBufLimit, halfClose } = this.#settings;
    if (this.#inputEnd && bytes.length > 0) this.fail(dataAfterEnd());
    else if (bytes.length === 0) {
      if (halfClose) this.#endInput('half-close');
    } else if (this.#isReading && this.#inbox.isEmpty && !this.#isDelivering) this.data(bytes);
    else if (this.#inbox.push(bytes)) this.read();
    else this.#failAfterInbox(overLimit(inBufLimit));
  }

  get #isReading(): boolean {
    return this.isConnected && (!this.isPaused || this.isClosing);
  }

  protected override pause(): void {
    this.#socket?.pause?.();
  }

  protected override read(): void {
    if (this.isFreed || !this.#isReading) return;
    this.#socket?.resume?.();
    this.#deliver();
  }

  /** Emits the messages of the inbox, then the end. A loop: a call from inside `next` does nothing. */
  #deliver(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    while (this.#isReading && !this.#inbox.isEmpty) this.data(this.#inbox.shift() ?? new Uint8Array());
    this.#isDelivering = false;
    if (!this.isFreed && this.#isReading && this.#inputEnd && this.#inbox.isEmpty) this.#emitEnd(this.#inputEnd);
  }

  #endInput(end: WebSocketClose | 'half-close'): void {
    this.#inputEnd = end;
    this.#deliver();
  }

  #emitEnd(end: WebSocketClose | 'half-close'): void {
    if (end === 'half-close') {
      this.inputEnded();
      return;
    }
    this.inputEnded({ ...END, facts: closeFacts(end) });
    // The close frame of the peer has ended our direction, too.
    if (this.unsent > 0) this.fail(unsentBytes(this.unsent, end, this.isClosing));
    else this.finish();
  }

  /** Emits all messages, also while paused, then fails: as the socket does that is gone. */
  #failAfterInbox(error: IOStreamError): void {
    for (let bytes = this.#inbox.shift(); bytes; bytes = this.#inbox.shift()) this.data(bytes);
    this.fail(error);
  }

  // Outbound

  protected override write(bytes: Uint8Array): void {
    this.#writer?.write(bytes);
  }

  protected override end(): void {
    this.#writer?.end();
  }

  /** All bytes were passed to the socket. */
  #onFlushed(): void {
    if (this.#settings.halfClose) {
      this.#writer?.sendEmpty();
      this.outputEnded();
    } else this.#socket?.close(NORMAL);
  }

  /** With `halfClose`: starts the closing handshake. The peer does so, too, perhaps at the same time. */
  protected override bothEnded(): void {
    if (!this.#socket || this.#socket.readyState > OPEN) return;
    this.#socket.close(NORMAL);
    this.#shutting = after(this.dial.timeouts.close, this.dial.scheduler, () => this.finish(), { unref: true });
  }

  // The end

  #onError(cause: unknown): void {
    this.#cause = cause;
    // Node 22 emits no `close` if the socket could not be opened.
    if (!this.isConnected) this.#onClose({ code: LOST, reason: '', wasClean: false });
  }

  #onClose({ code, reason, wasClean }: WebSocketClose): void {
    if (this.isFreed) return;
    const closed = { code: code || LOST, reason, wasClean }; // Deno: 0 without a close frame.
    this.#writer?.update();
    if (!this.isConnected) this.fail(notOpened(closed, this.#cause));
    else if (!isInOrder(closed)) this.#failAfterInbox(closeError(closed, this.isClosing ? 'close' : 'read', this.#cause));
    else if (this.hasInputEnded) this.#emitEnd(closed);
    else this.#endInput(closed);
  }

  protected override free(): void {
    this.#shutting?.unsubscribe();
    this.#writer?.stop();
    this.#inbox.clear();
    const socket = this.#socket;
    if (!socket) return;
    // `ws` emits an error when it is destroyed before it is open, and throws it if nothing listens.
    socket.addEventListener('error' as never, noop as never);
    for (const type of EVENTS) socket.removeEventListener(type as never, this.#onEvent as never);
    if (socket.readyState === CLOSED) return;
    if (socket.terminate) socket.terminate();
    else if (socket.readyState <= OPEN) socket.close(RESET, 'reset');
  }
}

function notBytes(data: unknown): IOStreamError {
  const message = `expected messages as an ArrayBuffer or text, got ${describeWithType(data)}; do not change binaryType`;
  return new IOStreamError(EPROTOCOL, { phase: 'read', message });
}

function dataAfterEnd(): IOStreamError {
  const message = 'the peer sent a message after its end; set `halfClose` at both ends or at none';
  return new IOStreamError(EPROTOCOL, { phase: 'read', message });
}

function overLimit(limit: number): IOStreamError {
  const message = `more than inBufLimit (${limit} bytes) arrived while nothing was read; read faster, or let the peer wait for a reply`;
  return new IOStreamError(EINBUFLIMIT, { phase: 'read', fatal: true, message });
}

function unsentBytes(unsent: number, closed: WebSocketClose, isClosing: boolean): IOStreamError {
  const message = `the peer closed the WebSocket with ${closed.code}, and ${unsent} bytes were not sent`;
  return new IOStreamError('EPIPE', { phase: isClosing ? 'close' : 'write', errno: -32, message, facts: closeFacts(closed) });
}

/** Creates the error for a WebSocket that cannot be used. */
export function notNew(code: string, errno: number, state: string): IOStreamError {
  const message = `expected an unused WebSocket, open or opening, got one that is ${state}; make a new one for each connection`;
  return new IOStreamError(code, { phase: 'connect', errno, message });
}

/** Browsers give no reason in the event `error`. */
function notOpened(closed: WebSocketClose, cause: unknown): IOStreamError {
  const error = mediumError(cause, 'connect', 'the WebSocket could not be opened');
  return Object.assign(error, closeFacts(closed));
}
