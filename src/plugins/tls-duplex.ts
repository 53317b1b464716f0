import { Duplex } from 'node:stream';

/** Where a {@link TlsDuplex} puts what Node's TLS wants to send. */
export interface TlsDuplexOptions {
  /** Bytes for the wire below. */
  write(bytes: Uint8Array): void;
  /** Called when all that TLS wrote at once has been given to `write`: whole records. */
  written(): void;
  /** All has been written, close_notify too. */
  final(): void;
}

/**
 * The transport that Node's TLS runs on: a Duplex whose other side are the signals of the wire below.
 *
 * ```text
 *   TLSSocket ── write ──▶ options.write ──▶ data down
 *   TLSSocket ◀── push ─── data up
 * ```
 *
 * Nothing is held in it: what is pushed has been decrypted when `push` returns, what is written has gone down when the write
 * returns. Backpressure is the business of the layer.
 */
export class TlsDuplex extends Duplex {
  readonly #options: TlsDuplexOptions;

  constructor(options: TlsDuplexOptions) {
    super({ allowHalfOpen: true });
    this.#options = options;
    // Until its first `_read` a Readable hands nothing out synchronously.
    this.read(0);
  }

  override _read(): void {
    // The wire below gives without being asked.
  }

  override _write(bytes: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.#options.write(bytes);
    this.#options.written();
    done();
  }

  override _writev(chunks: readonly { chunk: Uint8Array }[], done: () => void): void {
    for (const { chunk } of chunks) this.#options.write(chunk);
    this.#options.written();
    done();
  }

  override _final(done: () => void): void {
    this.#options.final();
    done();
  }
}
