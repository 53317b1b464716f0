import { EBLOCKED, IOStreamError } from '../errors.ts';
import { describeValue } from '../util/describe.ts';

/** What a {@link Guard} judges: an address before its attempt, a name that a proxy resolves, or a path. */
export interface Candidate {
  /** The host of the target as given, without brackets. In ASCII (IDNA) if a proxy resolves the name. Undefined for a path. */
  readonly host: string | undefined;
  /** The port of the target. Undefined for a path. */
  readonly port: number | undefined;
  /** The address that is about to be dialled. Undefined for a path, and if a proxy resolves the name: then `host` is all that is known. */
  readonly address: string | undefined;
  /** The family of `address`. */
  readonly family: 4 | 6 | undefined;
  /** The UNIX socket or named pipe. Undefined for a host. */
  readonly path: string | undefined;
}

/** Returns true to allow an attempt to connect, or the reason against it, which the message of EBLOCKED contains. */
export type Guard = (candidate: Candidate) => true | string;

/** Judges one address of a target. Returns the error if it is blocked. */
export function judgeAddress(guard: Guard | undefined, host: string, port: number, address: string): IOStreamError | undefined {
  return guard && judge(guard, { host, port, address, family: address.includes(':') ? 6 : 4, path: undefined });
}

/** Judges a name that a proxy resolves. Returns the error if it is blocked. */
export function judgeName(guard: Guard | undefined, host: string, port: number): IOStreamError | undefined {
  return guard && judge(guard, { host, port, address: undefined, family: undefined, path: undefined });
}

/** Judges a path. Returns the error if it is blocked. */
export function judgePath(guard: Guard | undefined, path: string): IOStreamError | undefined {
  return guard && judge(guard, { host: undefined, port: undefined, address: undefined, family: undefined, path });
}

/** Calls the guard. Blocks if it throws, and if it returns anything but true. */
function judge(guard: Guard, candidate: Candidate): IOStreamError | undefined {
  try {
    const verdict: unknown = guard(candidate);
    if (verdict === true) return undefined;
    if (verdict instanceof Promise) verdict.catch(() => {}); // Blocked, whatever becomes of it.
    return blocked(candidate, typeof verdict === 'string' ? verdict : `it returned ${describeValue(verdict)} instead of true or a reason`);
  } catch (cause) {
    return blocked(candidate, `it threw ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

function blocked({ host, port, address, path }: Candidate, reason: string, cause?: unknown): IOStreamError {
  const message = `${path?.replace(/^\0/, '@') ?? placeInWords(host, port, address)} is blocked by \`guard\`: ${reason}`;
  return new IOStreamError(EBLOCKED, { phase: 'connect', message, cause, facts: address === undefined ? { port } : { address, port } });
}

function placeInWords(host: string | undefined, port: number | undefined, address: string | undefined): string {
  const of = address === undefined || address === host ? '' : ` of ${host}`;
  return `${address ?? host}${of} port ${port}`;
}
