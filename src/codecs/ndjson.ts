import { filter } from 'rxjs';
import type { Codec } from './codec.ts';
import { codecOptions } from './frame.ts';
import { lines } from './lines.ts';
import { mapCodec } from './map-codec.ts';

/** What {@link ndjson} takes. */
export interface NdjsonOptions {
  /** The most bytes a line may have, without its end. Required. */
  readonly maxLength: number;
  /** What a last line without its end is: cut off (EPROTOCOL), or a line. @default 'error' */
  readonly unterminated?: 'error' | 'emit' | undefined;
}

/**
 * JSON, one value a line.
 *
 * ```text
 *   { " a " : 1 } \n   \n   [ ] \n     ──▶  { a: 1 }   []
 * ```
 *
 * Lines that are empty, or blank, are passed over. A line that is not JSON in UTF-8 is EPROTOCOL, with the `cause`; limits and ends
 * are those of {@link lines}. `encode()` refuses what `JSON.stringify` has no text for, such as `undefined` (EPROTOCOL). What comes
 * is what the peer says, whatever the type parameter claims. Lossless.
 *
 * ```ts
 * import { of } from 'rxjs';
 * import { ndjson } from 'rxjs-io-stream';
 *
 * const json = ndjson<{ id: number }>({ maxLength: 65_536 });
 * of({ id: 1 }).pipe(json.encode(), json.decode()).subscribe(({ id }) => console.log(id));
 * ```
 *
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
