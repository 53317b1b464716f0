import { isIP } from 'node:net';
import { noop, Observable } from 'rxjs';
import { checkOptions } from '../util/check-options.ts';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import { AddressAttempt } from './address-attempt.ts';
import { connectAny } from './connect-any.ts';
import { openedBy } from './node-stream.ts';
import { nodeWire } from './node-wire.ts';
import type { OpenStream } from './open-stream.ts';
import { resolveInTime } from './resolve.ts';
import type { LookupAddress } from './lookup.ts';
import type { Dial, ResolvedSignal, Wire } from './signal.ts';
import { TCP_RULES, type TcpOptions } from './tcp-options.ts';

/**
 * Creates a wire over TCP. Resolves the target's host, races all its addresses (RFC 8305), and carries bytes. The next attempt
 * starts after 250 ms, or at once when one fails. Earlier attempts continue until one connects.
 *
 * ```text
 *   dial ── resolve ──▶ resolved ── race of addresses ──▶ connected ══ bytes ══▶
 * ```
 *
 * **Errors**
 * - EDNS: no address within `timeouts.resolve`.
 * - ETOCONNECT: no connection within `timeouts.connect`. Both limits end at the dial's deadline at the latest.
 * - Otherwise the code of the system. If several addresses failed, `cause` is an `AggregateError` of all attempts.
 *
 * **Closing**
 * - After our FIN, input is read and dropped until the peer's FIN, for up to `timeouts.close` without progress.
 * - Unsubscribing frees the socket at once.
 *
 * **Backpressure**: lossless.
 *
 * ```ts
 * import { IOStream, tcp } from 'rxjs-io-stream';
 *
 * export const wire = tcp({ keepAlive: true }); // for `stack`; `new IOStream({ host, port, keepAlive: true })` makes one itself
 * ```
 *
 * @param options how to resolve and connect. Copied and checked at the call.
 * @returns a wire for targets with `host` and `port`.
 * @throws TypeError for a wrong option.
 */
export function tcp(options: TcpOptions = {}): Wire {
  return tcpWire(checkOptions(options, { caller: 'tcp', rules: TCP_RULES }));
}

/** Creates the wire of {@link tcp} from options that are already copied and checked. */
export function tcpWire(options: TcpOptions): Wire {
  return nodeWire((dial, target) => {
    const { to } = dial;
    if (!to || !('host' in to)) throw new TypeError(`expected a target with host and port for tcp, got ${to ? 'a path' : 'none'}`);
    const { host, port } = to;
    const family = isIP(host);
    if (family === 0) return openedBy(() => resolveAndConnect(host, port, dial, options))(dial, target);
    if (!target.isFreed) target.resolved({ kind: 'resolved', host, ip: host, family: family === 6 ? 6 : 4 });
    return target.isFreed ? undefined : new AddressAttempt(host, port, dial, options, target);
  });
}

/** Written without operators, because every connection runs it: `concatMap` and `startWith` take longer than the rest here. */
function resolveAndConnect(host: string, port: number, dial: Dial, options: TcpOptions): Observable<ResolvedSignal | OpenStream> {
  const addresses$ = resolveInTime(host, dial, options);
  return new Observable((out) => {
    const fail = (error: unknown): void => out.error(error);
    const connectThen = (addresses: LookupAddress[]): void => {
      out.next(resolved(host, addresses));
      if (!out.closed) connectAny(addresses, host, port, dial, options).subscribe(out);
    };
    const found = guardedSubscriber<LookupAddress[]>({ next: connectThen, error: fail, complete: noop });
    out.add(found);
    addresses$.subscribe(found);
  });
}

function resolved(host: string, [first]: readonly LookupAddress[]): ResolvedSignal {
  return { kind: 'resolved', host, ip: first?.address ?? '', family: first?.family === 6 ? 6 : 4 };
}
