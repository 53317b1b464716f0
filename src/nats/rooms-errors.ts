import { EOUTBUFLIMIT, IOStreamError } from '../errors.ts';

export function notConfirmed(id: string, ms: number, cause: unknown): IOStreamError {
  const message = `the broker has not confirmed the message within ${ms} ms (timeout); it may be stored: publish it again with the same id`;
  return new IOStreamError('ETIMEDOUT', { phase: 'write', fatal: false, message, cause, facts: { id } });
}

/** @param size that of the message, with what it counts besides its data. */
export function tooMuchPending(size: number, pending: number, limit: number): IOStreamError {
  const todo = size > limit ? 'raise maxPending' : 'wait for confirmations, or raise maxPending';
  const message = `the message counts ${size} bytes, and ${pending} bytes are not confirmed (maxPending = ${limit}): ${todo}`;
  return new IOStreamError(EOUTBUFLIMIT, { phase: 'write', fatal: false, message });
}

export function messageTooLong(length: number, limit: number): IOStreamError {
  const message = `the message has ${length} bytes, the broker takes at most ${limit} with headers (max_payload): send less, or publish where it is kept`;
  return new IOStreamError('EMSGSIZE', { phase: 'write', errno: -90, fatal: false, message });
}

export function brokerRefused(what: string, cause: unknown): IOStreamError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new IOStreamError('EPROTO', { phase: 'read', errno: -71, message: `the broker refused to ${what}: ${reason}`, cause });
}

export function connectionClosed(cause?: unknown): IOStreamError {
  const message = 'the connection to the broker is closed: make new rooms on a new one, and resume after the last sequence';
  return new IOStreamError('ECONNRESET', { phase: 'read', message, cause });
}

export function jetStreamNotEnabled(cause: unknown): IOStreamError {
  const message = 'the broker has no JetStream: start it with `nats-server --jetstream`, or enable JetStream for the account';
  return new IOStreamError('EPROTO', { phase: 'read', errno: -71, message, cause });
}

export class JetStreamMissing extends Error {
  constructor(cause: unknown) {
    super('rooms needs the package @nats-io/jetstream, which cannot be loaded; run `npm install @nats-io/jetstream`', { cause });
  }
}

export function wrongStream(stream: string, problem: string): TypeError {
  return new TypeError(`expected the stream '${stream}' to fit rooms: ${problem}; change it, or choose another \`stream\``);
}
