import { handshake } from '../plugins/handshake.ts';
import type { Plugin } from '../wire/signal.ts';
import { sameBytes, show } from './bytes.ts';

/** One step of a scripted peer: bytes it must be told (a number: so many, whatever they are), or bytes it says. Text is UTF-8. */
export type PeerStep = { readonly expect: Uint8Array | string | number } | { readonly send: Uint8Array | string };

/**
 * Makes a peer of a script: it holds its side of the conversation, then passes bytes as they are. `checkPlugin` does so itself
 * with a list; for a stack, lay the counterparts of the other plugins on it.
 *
 * Errors when it is told something else than the script expects, naming the step. Lossless.
 *
 * ```ts
 * import { mapBytes, type Plugin } from 'rxjs-io-stream';
 * import { scriptedPeer } from 'rxjs-io-stream/testing';
 *
 * const proxy = scriptedPeer([{ expect: 'HELLO\n' }, { send: 'OK\n' }]);
 * const flip = () => (bytes: Uint8Array) => bytes.map((byte) => byte ^ 0xff);
 * export const flipOverProxy: Plugin = (wire) => (dial) => (flow$) => flow$.pipe(mapBytes(flip), proxy(wire)(dial), mapBytes(flip));
 * ```
 */
export function scriptedPeer(steps: readonly PeerStep[]): Plugin {
  return handshake({
    *talk(link) {
      for (const [at, step] of steps.entries()) {
        if ('send' in step) {
          link.send(step.send);
          continue;
        }
        const { expect } = step;
        if (typeof expect === 'number') {
          yield* link.read(expect);
          continue;
        }
        const expected = typeof expect === 'string' ? new TextEncoder().encode(expect) : expect;
        const got = yield* link.read(expected.length);
        if (!sameBytes(got, expected)) {
          throw new Error(`step ${at} of the script expected ${show(expected)}, got ${show(got)}`);
        }
      }
    },
  });
}
