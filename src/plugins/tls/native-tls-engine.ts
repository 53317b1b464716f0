import { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { nextTurn } from '../../util/next-turn.ts';
import type { NodeConnection } from '../../wire/node-connection.ts';
import { checkPendingReset } from '../../wire/pending-reset.ts';
import { END, type EndSignal } from '../../wire/signal.ts';
import { isCloseNotify } from './close-notify.ts';
import type { Engine, TlsEngineOptions } from './tls-engine.ts';
import { endInHandshake } from './tls-error.ts';
import type { TlsFlow } from './tls-flow.ts';

/** The maximum plaintext buffered before the peer is accepted. */
const MAX_BUFFERED = 65_536;

/** What OpenSSL reports if the first record of the peer is none of TLS. */
const CLEAR_TEXT = /^ERR_SSL_(WRONG_VERSION_NUMBER|HTTP_REQUEST|HTTPS_PROXY_REQUEST)$/;

/**
 * Garbage for V8, an eighth of the plaintext. Each chunk is memory outside of V8's heap. V8 starts a full collection for every 64 MiB
 * of it, unless garbage in the heap has started a fast one before. Node 22: 830 instead of 1,180 µs of CPU a MiB.
 */
const garbage: { latest?: undefined[] } = {};

const TRUNCATED: EndSignal = Object.freeze({ kind: 'end', truncated: true });

/** What a {@link NativeTlsEngine} starts with. */
export interface NativeTlsEngineOptions extends Omit<TlsEngineOptions, 'writer'> {
  readonly connection: NodeConnection;
  readonly below: Socket;
  /** Whether the application has asked for a pause. */
  readonly isPaused: boolean;
  /** Called when close_notify has been sent. */
  onFlushed(): void;
}

/**
 * Runs Node's TLS directly on a socket, in native code.
 *
 * ```text
 *   socket ══ ciphertext ══▶ TLSSocket ── plaintext ──▶ reader
 *   socket ◀═ ciphertext ═══ TLSSocket ◀── plaintext ── NodeConnection
 * ```
 *
 * For a TlsEngine, Node copies all ciphertext into buffers of JavaScript: three times the CPU time to send, and 1.7 times to receive
 * (Node 20).
 */
export class NativeTlsEngine implements Engine, TlsFlow {
  readonly isNative = true;
  readonly socket: TLSSocket;
  readonly #options: NativeTlsEngineOptions;
  readonly #listeners: readonly (readonly [event: string, listener: (value?: never) => void])[];
  #isSecure = false;
  #isDestroyed = false;
  #hasRenegotiated = false;
  #isPaused: boolean;
  /** Whether Node has stopped to read. */
  #isStopped = false;
  #isClearText = false;

  constructor(options: NativeTlsEngineOptions) {
    this.#options = options;
    this.#isPaused = options.isPaused;
    const { role, context, resumption, connection, below } = options;
    const socket = (this.socket = role.start(below, context, resumption.offer(context)));
    socket.push = (chunk: Uint8Array | null) => this.#onInput(chunk);
    // TLS of Node would lose close_notify behind an own record of the same turn, such as a session ticket.
    socket._final = (done) => nextTurn(() => Socket.prototype._final.call(socket, done));
    this.#listeners = [
      [role.secureEvent, () => this.#onSecure()],
      ['error', (error?: NodeJS.ErrnoException) => this.#onError(error)],
      // After the handshake, a server socket that was not created by Node's tls.Server has no other event for errors.
      ['_tlsError', (error?: NodeJS.ErrnoException) => this.#onError(error)],
      ['session', (session?: Buffer) => resumption.receive(session)],
      ...(role.keylog ? [['keylog', role.keylog] as const] : []),
    ];
    for (const [event, listener] of this.#listeners) socket.on(event, listener);
    connection.encrypt(socket, below);
  }

  get clearText(): string | undefined {
    return this.#isClearText ? 'the peer does not speak TLS' : undefined;
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.open();
  }

  /** Reads again, if nothing is against it: the application has resumed, or the reader is empty. */
  open(): void {
    if (!this.#isStopped || !this.#isReading) return;
    this.#isStopped = false;
    this.socket._read(0);
  }

  close(): void {
    this.socket.once('finish', () => this.#options.onFlushed());
  }

  destroy(): void {
    this.#isDestroyed = true;
    for (const [event, listener] of this.#listeners) this.socket.off(event, listener);
  }

  get #isReading(): boolean {
    return !this.#isPaused && this.#options.reader.bufferedBytes < MAX_BUFFERED;
  }

  /** Called by Node for each record, and with null at the first end. Returns whether to read more. */
  #onInput(chunk: Uint8Array | null): boolean {
    if (!chunk) {
      this.#onEnd();
    } else if (!this.#hasRenegotiated) {
      garbage.latest = new Array<undefined>(chunk.length >> 6);
      this.#options.reader.read({ kind: 'data', bytes: chunk });
    }
    this.#isStopped = !this.#isReading;
    return !this.#isStopped;
  }

  #onEnd(): void {
    const { below, connection } = this.#options;
    if (isCloseNotify(below, this.#isStopped)) this.#end(END);
    else checkPendingReset(below, (reset) => (reset ? connection.onError(reset) : this.#end(TRUNCATED)));
  }

  #end(signal: EndSignal): void {
    const { reader, handler, connection } = this.#options;
    if (this.#isSecure) reader.read(signal);
    else if (!this.#isDestroyed) handler.fail(endInHandshake());
    connection.endInput();
  }

  /** Called by Node inside of OpenSSL's handshake. Writing is possible there, and an end waits for the next turn. */
  #onSecure(): void {
    const { handler } = this.#options;
    if (!this.#isSecure) {
      this.#isSecure = true;
      handler.onSecure();
      return;
    }
    // TLS 1.2 can renegotiate and then show another, unchecked certificate. TLS 1.3 cannot.
    if (this.socket.getProtocol() === 'TLSv1.3') return;
    this.#hasRenegotiated = true;
    nextTurn(() => handler.fail(new Error('the peer started a renegotiation, which is refused')));
  }

  /** Reports the errors of TLS. Those of the socket are reported by the connection. */
  #onError(error?: NodeJS.ErrnoException): void {
    if (error?.syscall !== undefined && error.code !== 'EPROTO') return;
    this.#isClearText = !this.#isSecure && CLEAR_TEXT.test(error?.code ?? '');
    this.#options.handler.fail(error);
  }
}
