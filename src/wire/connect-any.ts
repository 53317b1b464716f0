import { map, throwError, type Observable } from 'rxjs';
import { EBLOCKED, IOStreamError } from '../errors.ts';
import { connectSocket } from './connect-socket.ts';
import { within } from './deadline.ts';
import { judgeAddress } from './guard.ts';
import type { OpenStream } from './open-stream.ts';
import { probedAttempt } from './probed-attempt.ts';
import { race, type FailedAttempt } from './race.ts';
import type { LookupAddress } from './lookup.ts';
import type { Dial } from './signal.ts';
import { tcpOpened, tcpTarget, tcpTimedOut } from './tcp-attempt.ts';
import type { TcpOptions } from './tcp-options.ts';

/**
 * Connects to the first of the addresses that accepts. Errors with ETOCONNECT after `timeouts.connect`, and when all addresses have
 * failed.
 */
export function connectAny(
  addresses: readonly LookupAddress[],
  host: string,
  port: number,
  dial: Dial,
  options: TcpOptions,
): Observable<OpenStream> {
  const attempt = ({ address }: LookupAddress): Observable<OpenStream> => {
    const blocked = judgeAddress(dial.guard, host, port, address);
    if (blocked) return throwError(() => blocked);
    const opened$ = connectSocket(tcpTarget(address, port, options)).pipe(map((socket) => tcpOpened(socket, address)));
    return dial.probe ? opened$.pipe(probedAttempt(dial.probe, address, port)) : opened$;
  };
  const winner$ = race(addresses, attempt, dial.scheduler, (attempts) => allFailed(attempts, host, port));
  return within(winner$, dial.timeouts.connect, dial, (ms) =>
    tcpTimedOut(ms, host, port, addresses.map((each) => each.address).join(', ')),
  );
}

/** Combines the errors of all attempts. The code is that of the last attempt. */
function allFailed(attempts: readonly FailedAttempt<LookupAddress>[], host: string, port: number): IOStreamError {
  const last = IOStreamError.from(attempts.at(-1)?.error, { phase: 'connect' });
  if (attempts.length === 1) return last;
  const list = attempts.map(({ candidate, error }) => `${candidate.address} ${inWords(error as NodeJS.ErrnoException)}`).join(', ');
  const message = `connect failed for all ${attempts.length} addresses of ${host} port ${port}: ${list}`;
  const cause = new AggregateError(
    attempts.map(({ error }) => error),
    message,
  );
  return new IOStreamError(last.code, { phase: 'connect', message, errno: last.errno, cause, facts: { syscall: 'connect', port } });
}

/** Returns the code, and for a blocked address the rule. */
function inWords({ code, message }: NodeJS.ErrnoException): string {
  return code === EBLOCKED ? message.slice(message.indexOf('is blocked')) : (code ?? message);
}
