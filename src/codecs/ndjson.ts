import { filter } from 'rxjs';
import type { Codec } from './codec.ts';
import { codecOptions } from './codec-options.ts';
import { lines } from './lines.ts';
import { mapCodec } from './map-codec.ts';

/** Options of {@link ndjson}. */
export interface NdjsonOptions {
  /** Maximum bytes of a line, without its end. Required. */
  readonly maxLength: number;
  /** Whether a last line without its end is an error (EPROTOCOL) or emitted as a line. @default 'error' */
  readonly unterminated?: 'error' | 'emit' | undefined;
}

/**
 * Creates a codec for newline-delimited JSON: one value a line.
 *
 * ```text
 *   { " a " : 1 } \n   \n   [ ] \n     ──▶  { a: 1 }   []
 * ```
 *
 * Skips empty and blank lines. Does not check the decoded values: the peer may send other values than the type parameter describes.
 *
 * **Errors**
 * - `decode()`: EPROTOCOL for a line that is not JSON in UTF-8, with the `cause`. Otherwise as {@link lines}.
 * - `encode()`: EPROTOCOL for a value without JSON text, such as `undefined`. Otherwise as {@link lines}.
 *
 * **Backpressure**: lossless.
 *
 * ```ts
 * import { of } from 'rxjs';
 * import { ndjson } from 'rxjs-io-stream';
 *
 * const json = ndjson<{ id: number }>({ maxLength: 65_536 });
 * of({ id: 1 }).pipe(json.encode(), json.decode()).subscribe(({ id }) => console.log(id));
 * ```
 *
 * @param options the limit in bytes, and the treatment of an unterminated line.
 * @returns a codec of JSON values.
 * @throws TypeError without `maxLength`, or for a wrong option.
 */
export function ndjson<T = unknown>(options: NdjsonOptions): Codec<T> {
  const { maxLength, unterminated } = codecOptions(options, 'ndjson', ['maxLength', 'unterminated']);
  const text = lines({ maxLength, unterminated, fatal: true });
  const filled: typeof text = {
    ...text,
    decode: () => (bytes$) =>
      bytes$.pipe(
        text.decode(),
        filter((line) => /\S/.test(line)),
      ),
  };
  return mapCodec(filled, { decode: (line) => JSON.parse(line) as T, encode: (value: T) => JSON.stringify(value) });
}
