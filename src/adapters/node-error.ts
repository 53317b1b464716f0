import { constants } from 'node:os';
import { ECLOSED, EDNS, ETLS, ETLSCERT, ETOCONNECT, ETOHANDSHAKE, ETOIDLE, ETORESOLVE, ETOWRITE, IOStreamError } from '../errors.ts';

/** The codes of Node and libuv for the same failures. */
const CODES: Readonly<Record<string, 'ETIMEDOUT' | 'EPIPE'>> = {
  [ETORESOLVE]: 'ETIMEDOUT',
  [ETOCONNECT]: 'ETIMEDOUT',
  [ETOHANDSHAKE]: 'ETIMEDOUT',
  [ETOWRITE]: 'ETIMEDOUT',
  [ETOIDLE]: 'ETIMEDOUT',
  [ECLOSED]: 'EPIPE',
};

/** Codes of c-ares for which `net.Socket` has different codes. */
const DNS_CODES: Readonly<Record<string, string>> = { ENODATA: 'ENOTFOUND', ETIMEOUT: 'ETIMEDOUT' };

/** The `errno` of each code of this library is below this number. */
const LOWEST_ERRNO_OF_LIBUV = -10_000;

/**
 * Converts an error to the form that `net.Socket` and `tls.TLSSocket` emit, with Node's code (`ENOTFOUND`, `ECONNREFUSED`,
 * `CERT_HAS_EXPIRED`, …) and fields. Libraries read the code to decide whether to retry. The {@link IOStreamError} is the `cause`.
 *
 * Returns the error unchanged if Node has no code for it (`EPROXY`, `EPROTOCOL`, …), or if it is not an {@link IOStreamError}.
 */
export function nodeError(error: unknown): Error {
  if (!(error instanceof IOStreamError)) return error as Error;
  const code = codeOf(error);
  if (code === undefined) return error;
  const { cause } = error;
  if (isNodeError(cause) && cause.code === code) return withFacts(new Error(cause.message, { cause: error }), cause);
  const { syscall, address, port, message } = error;
  const facts = { errno: errnoOf(code, error), code, syscall, address, port };
  if (cause instanceof AggregateError) return withFacts(new AggregateError(cause.errors, message, { cause: error }), facts);
  return withFacts(new Error(message, { cause: error }), facts);
}

function codeOf({ code, errno, cause }: IOStreamError): string | undefined {
  if (errno > LOWEST_ERRNO_OF_LIBUV) return code;
  const causeCode = isNodeError(cause) ? cause.code : undefined;
  if (code === EDNS) return causeCode === undefined ? 'ENOTFOUND' : (DNS_CODES[causeCode] ?? causeCode);
  return code === ETLS || code === ETLSCERT ? causeCode : CODES[code];
}

function errnoOf(code: string, { errno }: IOStreamError): number | undefined {
  if (errno > LOWEST_ERRNO_OF_LIBUV && errno !== 0) return errno;
  const value = (constants.errno as Readonly<Record<string, number | undefined>>)[code];
  return value === undefined ? undefined : -value;
}

function isNodeError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && !(error instanceof IOStreamError) && typeof (error as NodeJS.ErrnoException).code === 'string';
}

function withFacts(error: Error, facts: object): Error {
  return Object.assign(error, Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)));
}
