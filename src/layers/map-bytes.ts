import { defer, map, type MonoTypeOperatorFunction } from 'rxjs';
import type { Up } from '../wire/signal.ts';

/**
 * Maps the bytes of each `data` signal, in either direction, and passes every other signal unchanged.
 *
 * ```text
 *   ──data(abc)──pause──data(d)──end──▶ mapBytes(() => f) ──data(f(abc))──pause──data(f(d))──end──▶
 * ```
 *
 * The output must be as long as the input, because `sent` counts bytes.
 *
 * **Errors**
 * - A throw of the function errors the stream.
 *
 * **Backpressure, Memory**
 * - Lossless. Holds no bytes.
 *
 * @param make creates the function. Called at each subscription, so that two connections never share state such as a key stream. The
 *   function must not modify its input.
 * @see {@link transform} for changes of the length.
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
