import type { LookupAddress } from 'node:dns';
import { map, Observable } from 'rxjs';
import { ETOCONNECT, IOStreamError } from '../errors.ts';
import { within } from './deadline.ts';
import { describeValue } from '../util/describe.ts';
import { nodeStream } from './node-stream.ts';
import type { OpenStream } from './open-stream.ts';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import { race, type FailedAttempt } from './race.ts';
import { resolveInTime, type ResolveOptions } from './resolve.ts';
import { checkOptions, type Rules } from '../util/check-options.ts';
import { isBoolean, isFunction, isPortOrZero, isText } from '../util/value-tests.ts';
import { connectSocket } from './socket.ts';
import type { Dial, ResolvedSignal, Wire } from './signal.ts';

/** Options of TCP connections, as in `node:net`. */
export interface TcpOptions extends ResolveOptions {
  /** The address to connect from. */
  readonly localAddress?: string | undefined;
  /** The port to connect from. 0 selects any free port. @default 0 */
  readonly localPort?: number | undefined;
  /** Whether to send small packets at once. @default true */
  readonly noDelay?: boolean | undefined;
  /** Whether the kernel probes an idle peer. @default false */
  readonly keepAlive?: boolean | undefined;
}

/** Rules for the options of {@link tcp}. */
export const TCP_RULES: Rules = {
  lookup: ['a function like dns.lookup', isFunction],
  family: ['0, 4 or 6', (value) => value === 0 || value === 4 || value === 6, describeValue],
  localPort: ['an integer from 0 to 65535', isPortOrZero, describeValue],
  localAddress: ['an address', isText, describeValue],
  noDelay: ['a boolean', isBoolean, describeValue],
  keepAlive: ['a boolean', isBoolean, describeValue],
};

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
  return nodeStream((dial) => {
    const { to } = dial;
    if (!to || !('host' in to)) throw new TypeError(`expected a target with host and port for tcp, got ${to ? 'a path' : 'none'}`);
    const { host, port } = to;
    const addresses$ = resolveInTime(host, dial, options);
    // Written without operators, because every connection runs it: `concatMap` and `startWith` take longer than the rest here.
    return new Observable((out) => {
      const fail = (error: unknown): void => out.error(error);
      const connectThen = (addresses: LookupAddress[]): void => {
        out.next(resolved(host, addresses));
        if (!out.closed) connectAny(addresses, host, port, dial, options).subscribe(out);
      };
      const found = guardedSubscriber<LookupAddress[]>({ next: connectThen, error: fail, complete: () => undefined });
      out.add(found);
      addresses$.subscribe(found);
    });
  });
}

function resolved(host: string, [first]: readonly LookupAddress[]): ResolvedSignal {
  return { kind: 'resolved', host, ip: first?.address ?? '', family: first?.family === 6 ? 6 : 4 };
}

function connectAny(
  addresses: readonly LookupAddress[],
  host: string,
  port: number,
  dial: Dial,
  options: TcpOptions,
): Observable<OpenStream> {
  const { localAddress, localPort, noDelay = true, keepAlive = false } = options;
  const from = { ...(localAddress === undefined ? {} : { localAddress }), ...(localPort === undefined ? {} : { localPort }) };
  const attempt = ({ address }: LookupAddress): Observable<OpenStream> =>
    connectSocket({ host: address, port, noDelay, keepAlive, ...from }).pipe(
      map((socket) => ({ kind: 'opened', readable: socket, writable: socket, details: { wire: 'tcp', ip: address, handle: socket } })),
    );
  const winner$ = race(addresses, attempt, dial.scheduler, (attempts) => allFailed(attempts, host, port));
  return within(winner$, dial.timeouts.connect, dial, (ms) => {
    const tried = addresses.map((each) => each.address).join(', ');
    const message = `expected a connection to ${host} port ${port} (${tried}) within ${ms} ms, got no answer; raise timeouts.connect or timeouts.establish if it is only slow`;
    return new IOStreamError(ETOCONNECT, { phase: 'connect', message });
  });
}

/** Combines the errors of all attempts. The code is that of the last attempt. */
function allFailed(attempts: readonly FailedAttempt<LookupAddress>[], host: string, port: number): IOStreamError {
  const last = IOStreamError.from(attempts.at(-1)?.error, { phase: 'connect' });
  if (attempts.length === 1) return last;
  const list = attempts
    .map(({ candidate, error }) => `${candidate.address} ${(error as NodeJS.ErrnoException).code ?? String(error)}`)
    .join(', ');
  const message = `expected a connection to ${host} port ${port}, all ${attempts.length} addresses failed: ${list}`;
  const cause = new AggregateError(
    attempts.map(({ error }) => error),
    message,
  );
  return new IOStreamError(last.code, { phase: 'connect', message, errno: last.errno, cause, facts: { syscall: 'connect', port } });
}
