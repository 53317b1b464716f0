import { handshake } from '../../layers/handshake.ts';
import type { Plugin } from '../../wire/signal.ts';
import { sameBytes, show } from '../bytes.ts';

/** One step of a scripted peer: bytes that it expects (a number: any bytes, that many), or bytes that it sends. Text is UTF-8. */
export type PeerStep = { readonly expect: Uint8Array | string | number } | { readonly send: Uint8Array | string };

/**
 * Creates a peer from a script: plays its side of the conversation, then passes bytes unchanged. `checkPlugin` calls it for a list of
 * steps. To check a stack, combine it with the counterparts of the other plugins, as below.
 *
 * **Errors**
 * - Errors if the received bytes differ from the script. The message names the step.
 *
 * **Backpressure**
 * - Lossless.
 *
 * ```ts
 * import { mapBytes, type Plugin } from 'rxjs-io-stream';
 * import { scriptedPeer } from 'rxjs-io-stream/testing';
 *
 * const proxy = scriptedPeer([{ expect: 'HELLO\n' }, { send: 'OK\n' }]);
 * const flip = () => (bytes: Uint8Array) => bytes.map((byte) => byte ^ 0xff);
 * export const flipOverProxy: Plugin = (wire) => (dial) => (flow$) => flow$.pipe(mapBytes(flip), proxy(wire)(dial), mapBytes(flip));
 * ```
 *
 * @param steps the script, in order.
 * @see {@link checkPlugin}.
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
