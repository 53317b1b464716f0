import { defer, map, type MonoTypeOperatorFunction } from 'rxjs';
import type { Up } from '../wire/signal.ts';

/**
 * Maps the bytes of each `data` signal, in either direction, and passes every other signal on. What comes out must be as long
 * as what went in, since `sent` counts bytes; for other lengths see {@link transform}.
 *
 * ```text
 *   ──data(abc)──pause──data(d)──end──▶ mapBytes(() => f) ──data(f(abc))──pause──data(f(d))──end──▶
 * ```
 *
 * A throw of the function errors the stream. Lossless; holds nothing back.
 *
 * @param make makes the function; called at each subscription, so that state (a key stream) is never shared by two
 *   connections. The function must not change the bytes it is given.
 *
 * ```ts
 * import { mapBytes, type Plugin } from 'rxjs-io-stream';
 *
 * const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xff);
 * export const inverted: Plugin = (wire) => (dial) => (flow$) => flow$.pipe(mapBytes(() => flip), wire(dial), mapBytes(() => flip));
 * ```
 */
export function mapBytes<S extends Up>(make: () => (bytes: Uint8Array) => Uint8Array): MonoTypeOperatorFunction<S> {
  return (signal$) =>
    defer(() => {
      const change = make();
      return signal$.pipe(map((signal) => (signal.kind === 'data' ? { ...signal, bytes: change(signal.bytes) } : signal)));
    });
}
