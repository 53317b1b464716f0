import { Duplex } from 'node:stream';

/** The callbacks for the output of Node's TLS. */
export interface TlsDuplexOptions {
  /** Writes bytes to the wire below. */
  write(bytes: Uint8Array): void;
  /** Called after all chunks of one TLS write, which are whole records, have been passed to `write`. */
  written(): void;
  /** Called after all output has been written, close_notify included. */
  final(): void;
}

/**
 * The transport of Node's TLS: a Duplex whose other side is the signals of the wire below.
 *
 * ```text
 *   TLSSocket ── write ──▶ options.write ──▶ wire below
 *   TLSSocket ◀── push ────────────────────── wire below
 * ```
 *
 * It buffers nothing. Pushed bytes are decrypted before `push` returns, and written bytes reach the wire below before the write
 * returns. TlsWriter and CiphertextQueue handle backpressure.
 */
export class TlsDuplex extends Duplex {
  readonly #options: TlsDuplexOptions;

  constructor(options: TlsDuplexOptions) {
    super({ allowHalfOpen: true });
    this.#options = options;
    // A Readable emits nothing synchronously before its first `_read`.
    this.read(0);
  }

  override _read(): void {
    // The wire below pushes without a request.
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
