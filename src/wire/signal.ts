import type { DialProbe } from './dial-probe.ts';
import type { Guard } from './guard.ts';
import type { OperatorFunction, SchedulerLike } from 'rxjs';

/**
 * Bytes that travel between the application and the peer. A connection is a pipe of layers. Every layer receives a {@link Flow}
 * from the application's side (outbound) and emits an {@link Up} in return (inbound). The types are named after the drawing:
 *
 * ```text
 *             application
 *    Flow │                 ▲ Up
 *         │  data  end      │  data  end
 *         │  pause resume   │  pause resume
 *         │                 │  resolved  connected  sent
 *         ▼                 │
 *       plugin (first in the list: nearest the application)
 *       plugin (last in the list: nearest the network)
 *         ▼                 │
 *               wire  (a socket, a pipe, a pair in memory)
 * ```
 */
export interface DataSignal {
  readonly kind: 'data';
  /** Immutable: neither the layer that emits the bytes nor the layer that receives them may change them. */
  readonly bytes: Uint8Array;
}

/** No more bytes follow in this direction. Outbound it is our FIN, inbound the peer's. The other direction stays open. */
export interface EndSignal {
  readonly kind: 'end';
  /** The direction was truncated: the layer below ended where the protocol does not allow it. */
  readonly truncated?: true;
  /** Facts that the wire knows about the peer's end, such as `closeCode` of a WebSocket. The report of the closed stream has them. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** Asks the other side to stop sending bytes. Bytes in flight are still accepted. */
export interface PauseSignal {
  readonly kind: 'pause';
}

/** Asks the other side to send bytes again. */
export interface ResumeSignal {
  readonly kind: 'resume';
}

/** A name was resolved. `ip` is the first candidate. */
export interface ResolvedSignal {
  readonly kind: 'resolved';
  /** The name that was resolved. */
  readonly host: string;
  /** The first address found. */
  readonly ip: string;
  /** The family of `ip`. */
  readonly family: 4 | 6;
}

/** The layer is connected. Emitted once. */
export interface ConnectedSignal {
  readonly kind: 'connected';
  /** One entry for each layer, nearest the application first. The wire's own entry is the last. */
  readonly details: readonly LayerDetails[];
}

/** The kernel took `bytes` more of the written bytes. On a wire without a kernel, the peer took them. */
export interface SentSignal {
  readonly kind: 'sent';
  /** How many more bytes were taken. */
  readonly bytes: number;
}

/** Outbound signals, from the application to the peer. */
export type Flow = DataSignal | EndSignal | PauseSignal | ResumeSignal;

/** Inbound signals, from the peer to the application. */
export type Up = Flow | ResolvedSignal | ConnectedSignal | SentSignal;

/** Facts that one layer reports when it is connected: a plugin's own facts, or the wire's addresses and handle. */
export interface LayerDetails {
  /** The plugin's name in its stack. Absent for the wire. */
  readonly layer?: string | undefined;
  /**
   * The addresses of both ends, if the layer knows better than those below. The stream reports those of the layer nearest the
   * application. Not enumerable.
   */
  readonly endpoints?: Endpoints | undefined;
  readonly [fact: string]: unknown;
}

/** The addresses of both ends of a connection, under the names of `net.Socket`. */
export interface Endpoints {
  /** The address of the other end. */
  readonly remoteAddress?: string | undefined;
  /** The port of the other end. */
  readonly remotePort?: number | undefined;
  /** The address of our end. */
  readonly localAddress?: string | undefined;
  /** The port of our end. */
  readonly localPort?: number | undefined;
}

/** Where to connect to. */
export type Target = { readonly host: string; readonly port: number } | { readonly path: string };

/** Time limit of each phase, in milliseconds. Infinity turns the limit off. */
export interface Timeouts {
  /** Resolving the name. */
  readonly resolve: number;
  /** Connecting; all addresses of a name together. */
  readonly connect: number;
  /** One plugin's whole conversation, not each read. */
  readonly handshake: number;
  /** The whole time from resolve to the last handshake. */
  readonly establish: number;
  /** Bytes are queued or written, and none of them is `sent`. */
  readonly write: number;
  /** No byte is read or written. */
  readonly idle: number;
  /** After our own close: no progress and no FIN from the peer. */
  readonly close: number;
}

/** One request to connect, as passed to every layer of a stack. */
export interface Dial {
  /** Absent if the wire is already open (an fh). */
  readonly to?: Target | undefined;
  /** The time limits of each phase, in milliseconds. */
  readonly timeouts: Timeouts;
  /** The end of `establish`, on the clock of `scheduler`. Each layer times out after its own timeout, or at the deadline if that is earlier. */
  readonly deadline: number;
  /** Runs every timer of the connection. */
  readonly scheduler: SchedulerLike;
  /**
   * Judges each address before `tcp` or `unix` dials it, and the host of a URL before `webSocket` does; other wires do not ask it.
   * `handshake` with `to` judges the target instead, and not the address in `to`.
   */
  readonly guard?: Guard | undefined;
  /** Name of the dialled layer in its stack. Its errors and details carry the name. */
  readonly layer?: string | undefined;
  /** The number of the connection in this process. Logs, recordings and diagnostics carry it. Absent if no stream dials. */
  readonly id?: number | undefined;
  /** @internal Follows the phases of the dial. Absent unless diagnostics are subscribed. */
  readonly probe?: DialProbe | undefined;
  /** @internal A TLS layer calls this with its name when its handshake starts. The layers below it are then connected. */
  readonly onTlsStart?: ((layer: string | undefined) => void) | undefined;
  /** @internal Whether the directions end independently. TLS of Node on the socket itself cannot send close_notify without a FIN. */
  readonly allowHalfOpen?: boolean | undefined;
}

/**
 * Carries bytes between the application and the peer. Cold: `flow$.pipe(wire(dial))` dials at each subscription.
 *
 * Every wire and plugin obeys these rules (`rxjs-io-stream/testing` checks them):
 *
 * 1. Nothing happens before subscription. One wire serves many connections.
 * 2. Up is `resolved` (any number), `connected` once, then flow. `end` comes at most once; no `data` follows.
 * 3. Before `connected`, only `pause` and `resume` are sent outbound.
 * 4. `end` never closes the other direction (half-close).
 * 5. Closing:
 *    - Flow completes: a layer flushes, sends the goodbye of its protocol and completes the wire below. Up completes when the handle
 *      is free.
 *    - Flow errors: the wire resets at once; Up errors with the same error.
 *    - Both directions end: the wire completes Up by itself.
 *    - The connection fails: after all bytes read, Up errors with an `IOStreamError`.
 * 6. Unsubscribing frees everything at once, without goodbye or another signal.
 * 7. A layer without a buffer of its own passes `pause` and `resume` on. Bytes in flight are never lost.
 * 8. `sent` adds up to the written bytes exactly when all of them have been sent.
 * 9. Bytes that follow the last handshake reply reach the layer above, in order.
 * 10. No layer changes bytes that it received or passed on.
 * 11. Signals may arrive inside `next`. A layer never recurses for each chunk.
 * 12. All timers run on the dial's scheduler.
 *
 * @see docs/guides/your-own-plugin.md
 */
export type Wire = (dial: Dial) => OperatorFunction<Flow, Up>;

/** Key of the type parameter of {@link Plugin}. It exists only in the types. */
declare const FACTS: unique symbol;

/**
 * Turns the wire below into a wire with one more layer. A stack is function composition: `ssl(proxy(tcp))`.
 *
 * `Facts` is the type of the `details` that the layer reports when it is connected. The `details` of a stream with the plugin
 * have this type.
 */
export interface Plugin<Facts = unknown> {
  (wire: Wire): Wire;
  /** Never set: carries the type of the facts. */
  readonly [FACTS]?: Facts;
}

/** Type of the facts that a plugin reports in `details`. */
export type FactsOf<P> = P extends { readonly [FACTS]?: infer Facts } ? Facts : unknown;

// Signals without fields are constants, so that emitting one allocates nothing.
export const END: EndSignal = /* @__PURE__ */ Object.freeze({ kind: 'end' });
export const PAUSE: PauseSignal = /* @__PURE__ */ Object.freeze({ kind: 'pause' });
export const RESUME: ResumeSignal = /* @__PURE__ */ Object.freeze({ kind: 'resume' });
