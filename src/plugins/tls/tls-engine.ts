import type { SecureContext, TLSSocket } from 'node:tls';
import { noop } from 'rxjs';
import { EMPTY_BYTES } from '../../util/empty-bytes.ts';
import { concatBytes } from '../../util/concat-bytes.ts';
import { END } from '../../wire/signal.ts';
import { clearTextProblem, FIRST_BYTES } from './clear-text-problem.ts';
import { TlsDuplex } from './tls-duplex.ts';
import { endInHandshake } from './tls-error.ts';
import type { TlsReader } from './tls-reader.ts';
import type { TlsResumption } from './tls-resumption.ts';
import type { TlsRole } from './tls-role.ts';
import { isNode } from './tls-runtime.ts';
import type { TlsWriter } from './tls-writer.ts';

/** Gets the events of a {@link TlsEngine}. */
export interface TlsEngineHandler {
  /** Called after the handshake, and after each later `decrypt`. */
  onSecure(): void;
  /** Called when TLS fails. Without a cause, the socket was closed, or the peer does not speak TLS. */
  fail(cause?: Error): void;
}

/** Runs Node's TLS for a layer. See {@link TlsEngine} and `NativeTlsEngine`. */
export interface Engine {
  readonly socket: TLSSocket;
  /** Whether TLS runs on the socket itself: no ciphertext passes through JavaScript. */
  readonly isNative: boolean;
  /** Describes the clear text that the peer sent instead of TLS; `undefined` if there is none. */
  readonly clearText: string | undefined;
  /** Processes ciphertext, unless the engine is native. */
  decrypt?(bytes: Uint8Array): void;
  /** Sends close_notify. */
  close(): void;
  destroy(): void;
}

/** What a {@link TlsEngine} starts with, and where its output goes. */
export interface TlsEngineOptions {
  readonly role: TlsRole;
  readonly context: SecureContext;
  readonly resumption: TlsResumption;
  readonly reader: TlsReader;
  readonly writer: TlsWriter;
  readonly handler: TlsEngineHandler;
}

/**
 * Runs Node's TLS without a socket below: bytes in, bytes out. `decrypt` passes its result to the reader before it returns.
 *
 * ```text
 *   decrypt(ciphertext) ──▶ TlsDuplex ──▶ TLSSocket ── plaintext ──▶ reader
 *   writer ◀── ciphertext ── TlsDuplex ◀── TLSSocket ◀── socket.write, socket.end
 * ```
 */
export class TlsEngine implements Engine {
  /** For writing plaintext. */
  readonly socket: TLSSocket;
  readonly isNative = false;
  readonly #handler: TlsEngineHandler;
  readonly #reader: TlsReader;
  readonly #writer: TlsWriter;
  readonly #peer: TlsRole['peer'];
  readonly #transport: TlsDuplex;
  readonly #listeners: readonly (readonly [event: string, listener: (value?: never) => void])[];
  #isDecrypting = false;
  #isSecure = false;
  #hasRenegotiated = false;
  /** The first bytes of the peer during the handshake, to identify a peer that does not speak TLS. */
  #firstBytes: Uint8Array = EMPTY_BYTES;
  #isClosing = false;

  /** Starts the handshake. A wire may answer the ClientHello before the constructor returns: do not decrypt the answer before. */
  constructor({ role, context, resumption, reader, writer, handler }: TlsEngineOptions) {
    this.#peer = role.peer;
    this.#reader = reader;
    this.#writer = writer;
    this.#handler = handler;
    this.#transport = new TlsDuplex({
      write: (bytes) => writer.writeCiphertext(bytes),
      // That was close_notify. Reported at once: the peer must not see the end before the application has the error.
      written: () => {
        if (this.#isClosing) writer.onFlushed();
      },
      final: () => writer.onFlushed(),
    });
    const socket = (this.socket = role.start(this.#transport, context, resumption.offer(context)));
    // Node passes decrypted data to `push`, and null for close_notify, before `transport.push` returns. Overriding it shows at once
    // whether close_notify preceded the end of the wire below. The 'end' event would come turns later.
    socket.push = (chunk: Uint8Array | null) => {
      this.#onPlaintext(chunk);
      return true;
    };
    const fail = (error?: Error): void => handler.fail(error);
    this.#listeners = [
      [role.secureEvent, () => this.#onSecure()],
      ['error', fail],
      // After the handshake, a server socket that was not created by Node's tls.Server has no other event for errors.
      ['_tlsError', fail],
      ['close', () => handler.fail()],
      ['session', (session?: Buffer) => resumption.receive(session)],
      ...(role.keylog ? [['keylog', role.keylog] as const] : []),
    ];
    for (const [event, listener] of this.#listeners) socket.on(event, listener);
  }

  /** Describes the clear text that the peer sent instead of TLS; `undefined` if there is none, and after the handshake. */
  get clearText(): string | undefined {
    return clearTextProblem(this.#firstBytes, this.#peer);
  }

  decrypt(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (!this.#isSecure && this.#firstBytes.length < FIRST_BYTES)
      this.#firstBytes = concatBytes([this.#firstBytes, bytes.subarray(0, FIRST_BYTES - this.#firstBytes.length)]);
    this.#isDecrypting = true;
    this.#transport.push(bytes);
    this.#isDecrypting = false;
    // Node emits its error in the next tick. By then the wire below may report an error that is only a consequence.
    if (this.socket.errored) this.#handler.fail(this.socket.errored);
    else if (this.#hasRenegotiated) this.#handler.fail(new Error('the peer started a renegotiation, which is refused'));
    else if (this.#isSecure) this.#handler.onSecure();
    // Detected at once: OpenSSL would wait for a complete record.
    else if (this.clearText !== undefined) this.#handler.fail();
  }

  /** Sends close_notify, because Node cannot send another alert. It is written in this turn or the next. */
  close(): void {
    this.#isClosing = true;
    this.socket.end();
    // Deno does not send close_notify here.
    if (!isNode) this.#writer.onFlushed();
  }

  destroy(): void {
    for (const [event, listener] of this.#listeners) this.socket.off(event, listener);
    // No observer is left for later errors.
    this.socket.on('error', noop).destroy();
  }

  #onSecure(): void {
    // TLS 1.2 can renegotiate and then show another, unchecked certificate. TLS 1.3 cannot.
    if (this.#isSecure) this.#hasRenegotiated = this.socket.getProtocol() !== 'TLSv1.3';
    this.#isSecure = true;
    this.#firstBytes = EMPTY_BYTES;
    // Inside `decrypt` OpenSSL is still in its handshake, and `end` would send no close_notify.
    if (!this.#isDecrypting) this.#handler.onSecure();
  }

  #onPlaintext(chunk: Uint8Array | null): void {
    if (this.#hasRenegotiated) return;
    if (chunk) this.#reader.read({ kind: 'data', bytes: chunk });
    else if (this.#isSecure) this.#reader.read(END);
    else this.#handler.fail(endInHandshake());
  }
}
