import { describeWithType } from '../util/describe.ts';
import type { Plugin } from '../wire/signal.ts';

/**
 * Passes all signals unchanged, in both directions: a template for your own plugin (Noop in the manual). It costs nothing. With
 * operators, it is `(wire) => (dial) => (flow$) => flow$.pipe(outbound, wire(dial), inbound)`.
 *
 * ```text
 *   application ──Flow──▶ (outbound operators) ──▶ wire ──▶ (inbound operators) ──Up──▶ application
 * ```
 *
 * ```ts
 * import { IOStream, passthrough } from 'rxjs-io-stream';
 *
 * new IOStream({ host: '127.0.0.1', port: 7, plugin: { noop: passthrough() }, cb: console.log });
 * ```
 */
export function passthrough(...none: readonly never[]): Plugin {
  if (none.length > 0) throw new TypeError(`expected no options for passthrough, got ${describeWithType(none[0])}`);
  return (wire) => wire;
}
