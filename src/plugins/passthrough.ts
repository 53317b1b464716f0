import { typeInWords } from '../wire/in-words.ts';
import type { Plugin } from '../wire/signal.ts';

/**
 * Passes everything on, unchanged, both ways: the skeleton to copy for a plugin of your own (Noop in the manual).
 *
 * ```text
 *   application ──Flow──▶ (operators on the way down) ──▶ wire ──▶ (operators on the way up) ──Up──▶ application
 * ```
 *
 * ```ts
 * import { IOStream, passthrough } from 'rxjs-io-stream';
 *
 * new IOStream({ host: '127.0.0.1', port: 7, plugin: { noop: passthrough() }, cb: console.log });
 * ```
 */
export function passthrough(...none: readonly never[]): Plugin {
  if (none.length > 0) throw new TypeError(`expected no options for passthrough, got ${typeInWords(none[0])}`);
  return (wire) => (dial) => (flow$) => flow$.pipe(wire(dial));
}
