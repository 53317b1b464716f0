import type { ErrorCode } from '../errors.ts';
import type { Link } from '../protocol/link.ts';
import type { Need } from '../protocol/need.ts';
import { describeWithType } from '../util/describe.ts';
import { ownOptions } from '../util/own-options.ts';
import { layer } from '../wire/layer.ts';
import type { Dial, LayerDetails, Plugin, Target, Wire } from '../wire/signal.ts';
import { judged } from './judged.ts';
import { HandshakeLayer, type HandshakeSteps } from './handshake-layer.ts';

/** The address and the conversation of a handshake. */
export interface HandshakeOptions<Facts = Readonly<Record<string, unknown>> | void> {
  /**
   * The address to dial instead of the target. The stream must have a target then; otherwise `{fh} already connected` is thrown. @default
   * the target of the stream
   */
  readonly to?: Target | undefined;
  /** The error code if the peer ends before the conversation does. @default 'EPROTOCOL' */
  readonly early?: ErrorCode | undefined;
  /**
   * The conversation. It sends with `link.send`, reads exact amounts with `yield* link.read(n)`, and waits for anything else with
   * `yield* link.wait(() => …)`. Its return value becomes the layer's details. Unread bytes go to the layer above. An error that it
   * throws errors the stream. `below` are the details of the layers below, the wire's last.
   */
  readonly talk: (link: Link, target: Target | undefined, below: readonly LayerDetails[]) => Generator<Need, Facts, Uint8Array>;
}

/**
 * Creates a plugin from a conversation before the bytes of the application, as with a proxy.
 *
 * ```text
 *   application            handshake               wire
 *        │                     │◀──── connected ─────│
 *        │                     │────── data ────────▶│   talk: link.send(…)
 *        │                     │◀───── data ─────────│   talk: yield* link.read(…)
 *        │◀──── connected ─────│   `talk` returns    │
 *        │◀═══════════════ bytes, both ways ════════▶│
 * ```
 *
 * The conversation may take `timeouts.handshake` in total, counted from the connection of the wire below, and never more than remains
 * of `establish`.
 *
 * **Errors**
 * - Up errors with what the conversation throws: an `IOStreamError` unchanged, anything else as EPROTOCOL with the `cause`. The wire
 *   below is freed.
 * - If the wire below breaks, its error is thrown into the conversation.
 * - EPROTOCOL, or the code `early`, if the peer ends before the conversation does. ETOHANDSHAKE on timeout.
 *
 * **Closing**
 * - Unsubscribe, close and reset run the `finally` blocks of the conversation and free the wire below.
 *
 * **Backpressure**
 * - A `pause` of the application is forwarded after the handshake.
 * - Bytes after the last reply reach the layer above, in order. Lossless.
 *
 * **Memory**
 * - During `link.wait`, at most 64 KiB are read ahead, so that a reset is noticed.
 *
 * ```ts
 * import { handshake, type Plugin } from 'rxjs-io-stream';
 *
 * export const knock = (word: string): Plugin =>
 *   handshake({
 *     *talk(link) {
 *       link.send(`${word}\n`);
 *       const answer = yield* link.readUntil('\n', 256);
 *       return { answer };
 *     },
 *   });
 * ```
 *
 * @param options the conversation as `talk`, and the address to dial as `to`.
 * @throws TypeError without a `talk`, at the call. For a plugin with `to` in a stream without a target, at the dial. A conversation
 *   that uses `yield` instead of `yield*` errors the stream with EPROTOCOL, whose cause is a TypeError that names `yield*`.
 * @returns a plugin that reports what the conversation returned.
 * @see docs/guides/your-own-plugin.md, {@link transform}
 */
export function handshake<Facts extends object | void>(options: HandshakeOptions<Facts>): Plugin<Facts extends object ? Facts : unknown> {
  const own = ownOptions(options, 'handshake', ['to', 'early', 'talk']);
  const to = own.to && ownOptions(own.to, '`to`');
  if (typeof own.talk !== 'function')
    throw new TypeError(`expected \`talk\` of handshake to be a generator function, got ${describeWithType(own.talk)}`);
  const steps = { ...own, dialsOther: to !== undefined } as HandshakeSteps;
  return (wire) => (dial) => {
    if (to && !dial.to)
      throw new TypeError('{fh} already connected: a plugin that dials its own address needs host and port, not fh or wire');
    const connected = (below: Dial): ReturnType<Wire> => layer(wire, below, (ports) => new HandshakeLayer(steps, ports, dial));
    return to ? judged(dial, connected({ ...dial, to, guard: undefined })) : connected(dial);
  };
}
