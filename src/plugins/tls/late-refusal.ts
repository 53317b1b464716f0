import type { PeerCertificate, TLSSocket } from 'node:tls';
import { IOStreamError } from '../../errors.ts';
import { remainingTime } from '../../wire/deadline.ts';
import type { Dial } from '../../wire/signal.ts';
import type { TlsOutput } from './tls-output.ts';

/**
 * Explains a connection that ends or breaks right after the handshake of a client. In TLS 1.3 the client completes its handshake
 * before the server has read the client's certificate. A server that refuses the certificate then sends an alert, or just ends.
 *
 * Applies until the first byte of the server, and at most for the handshake timeout.
 */
export class LateRefusal {
  readonly #dial: Dial;
  readonly #writer: Pick<TlsOutput, 'isEnding'>;
  #deadline: number;
  #socket: TLSSocket | undefined;
  #protocol: string | null = null;

  constructor(dial: Dial, writer: Pick<TlsOutput, 'isEnding'>) {
    this.#dial = dial;
    this.#writer = writer;
    this.#deadline = dial.scheduler.now() + remainingTime(dial.timeouts.handshake, dial);
  }

  /** Starts to apply: the handshake is complete. */
  open(socket: TLSSocket): void {
    this.#socket = socket;
    this.#protocol = socket.getProtocol(); // A destroyed socket no longer knows it.
  }

  /** The server has sent plaintext: it has accepted the certificate. */
  exclude(): void {
    this.#deadline = 0;
  }

  /** Returns the error for an end of the server, if the end may be a refusal: the client has sent a certificate. */
  endError(): Error | undefined {
    // If the client has ended before, the end is a normal answer.
    if (this.#writer.isEnding || !this.#isPossible) return undefined;
    const own = this.#socket?.getCertificate() as Partial<PeerCertificate> | null | undefined;
    if (own?.raw === undefined) return undefined;
    return new Error(
      'the peer ended right after the handshake, before it sent a byte: it may have refused the certificate of this client: a server can do so after the handshake',
    );
  }

  /** Returns the error for a broken connection: the same code and facts, with a message about what a reset at this time may mean. */
  breakError(error: unknown): unknown {
    if (!this.#isPossible || this.#protocol !== 'TLSv1.3') return error;
    if (!(error instanceof IOStreamError) || error.layer !== undefined) return error;
    const { code, errno, phase, syscall, address, port } = error;
    const message = `the connection broke right after the handshake, before the peer sent a byte; it may have refused the certificate of this client, or missed one: ${error.message}`;
    const facts = Object.fromEntries(Object.entries({ syscall, address, port }).filter(([, value]) => value !== undefined));
    return new IOStreamError(code, { phase, layer: this.#dial.layer, message, errno, cause: error, facts });
  }

  get #isPossible(): boolean {
    return this.#dial.scheduler.now() < this.#deadline;
  }
}
