import type { OperatorFunction, SchedulerLike } from 'rxjs';

/**
 * What travels between the application and the peer. A connection is a pipe of layers; every layer takes a {@link Flow} from
 * the application's side and gives an {@link Up} back:
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
  /** Never changed by any layer, neither by the one that gives it nor by the one that takes it. */
  readonly bytes: Uint8Array;
}

/** No more bytes in this direction: our FIN on the way down, the peer's on the way up. The other direction goes on. */
export interface EndSignal {
  readonly kind: 'end';
  /** The direction was cut off: the layer below ended where the protocol did not allow it. */
  readonly truncated?: true;
}

/** Stop giving me bytes. What is in flight is still accepted. */
export interface PauseSignal {
  readonly kind: 'pause';
}

/** Give me bytes again. */
export interface ResumeSignal {
  readonly kind: 'resume';
}

/** A name was resolved; `ip` is the first candidate. */
export interface ResolvedSignal {
  readonly kind: 'resolved';
  readonly host: string;
  readonly ip: string;
  readonly family: 4 | 6;
}

/** The layer is through; comes once. */
export interface ConnectedSignal {
  readonly kind: 'connected';
  /** What the layers learned, nearest the application first; the wire's own entry is the last. */
  readonly details: readonly LayerDetails[];
}

/** So many more of the bytes that were given down have left for the kernel (or the peer, on a wire without one). */
export interface SentSignal {
  readonly kind: 'sent';
  readonly bytes: number;
}

/** What travels down, from the application to the peer. */
export type Flow = DataSignal | EndSignal | PauseSignal | ResumeSignal;

/** What travels up, from the peer to the application. */
export type Up = Flow | ResolvedSignal | ConnectedSignal | SentSignal;

/** What one layer tells of itself once it is through: a plugin's own facts, or the wire's addresses and handle. */
export interface LayerDetails {
  /** The plugin's name in its stack; none for the wire. */
  readonly layer?: string | undefined;
  readonly [fact: string]: unknown;
}

/** Where to connect to. */
export type Target = { readonly host: string; readonly port: number } | { readonly path: string };

/** How long each phase may take, in milliseconds; Infinity is off. */
export interface Timeouts {
  readonly resolve: number;
  readonly connect: number;
  /** One plugin's conversation in all, not per read. */
  readonly handshake: number;
  /** From resolve to the last handshake, in all. */
  readonly establish: number;
  /** Bytes waiting and none of them `sent`. */
  readonly write: number;
  /** Nothing read and nothing written. */
  readonly idle: number;
  /** After our own close: no progress and no FIN of the peer. */
  readonly close: number;
}

/** One request to connect, as every layer of a stack sees it. */
export interface Dial {
  /** Absent: the wire is there already (an fh). */
  readonly to?: Target | undefined;
  readonly timeouts: Timeouts;
  /** The end of `establish`, on the clock of `scheduler`. Each layer waits for the smaller of its own timeout and what is left of it. */
  readonly deadline: number;
  /** Where every timer of the connection runs. */
  readonly scheduler: SchedulerLike;
  /** The name in its stack of the layer that is dialled; errors and details carry it. */
  readonly layer?: string | undefined;
  /** @internal Called with its name by a layer of TLS that begins its handshake: what lies below it is connected. */
  readonly onTlsStart?: ((layer: string | undefined) => void) | undefined;
}

/**
 * Something that carries bytes. Cold: `flow$.pipe(wire(dial))` dials when it is subscribed, and all state is born there.
 *
 * The rules every wire and plugin keeps (`rxjs-io-stream/testing` checks them):
 *
 * 1. Nothing happens before subscription. One value serves many connections.
 * 2. Up is `resolved`*, `connected` once, then flow; `end` at most once and no `data` after it.
 * 3. Before `connected` came up only `pause` and `resume` go down.
 * 4. `end` is a half-close: it never closes the other direction.
 * 5. Flow completes: hand down what is held, say farewell, complete below; complete Up when the handle is free. Flow errors:
 *    reset at once, and Up errors with the same error. A wire completes Up by itself when both directions have ended, and
 *    errors with an `IOStreamError`, after all bytes read before, when the connection failed.
 * 6. Unsubscribing frees everything at once, without farewell and without another signal.
 * 7. `pause` and `resume` are passed on unless the layer holds a buffer of its own; what is in flight is never lost.
 * 8. The sum of `sent` reaches the bytes given when, and only when, all of them have left.
 * 9. Bytes that come with the last handshake reply reach the layer above, in order.
 * 10. No layer changes bytes it was given or has passed on.
 * 11. Signals may come from inside `next`; no recursion per chunk.
 * 12. Time is the dial's scheduler.
 */
export type Wire = (dial: Dial) => OperatorFunction<Flow, Up>;

/** Where {@link Plugin} carries its type parameter. No value ever has it. */
declare const FACTS: unique symbol;

/**
 * A layer: makes a wire of a wire. A stack is function composition: `ssl(proxy(tcp))`.
 *
 * `Facts` is what the layer reports in `details` once it is connected; the `details` of a stream made with the plugin are typed by it.
 */
export interface Plugin<Facts = unknown> {
  (wire: Wire): Wire;
  readonly [FACTS]?: Facts;
}

/** What a plugin reports in `details`. */
export type FactsOf<P> = P extends { readonly [FACTS]?: infer Facts } ? Facts : unknown;

// The signals without fields are values: nothing is allocated when they pass.
export const END: EndSignal = Object.freeze({ kind: 'end' });
export const PAUSE: PauseSignal = Object.freeze({ kind: 'pause' });
export const RESUME: ResumeSignal = Object.freeze({ kind: 'resume' });
