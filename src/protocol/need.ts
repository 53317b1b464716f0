import { isCount, isObject } from '../util/value-tests.ts';

/** A request that a conversation yields: an exact number of bytes, all bytes up to a delimiter within `limit`, or an {@link Answer}. */
export type Need =
  | { readonly count: number }
  | { readonly until: Uint8Array; readonly limit: number; readonly whole?: number | undefined }
  | { readonly wait: () => Answer<unknown> };

/** The need for bytes. `whole` is the limit that error messages quote, if a read continues something longer. */
export type BytesNeed = Exclude<Need, { readonly wait: unknown }>;

/** The need for something other than bytes. */
export type AnswerNeed = Extract<Need, { readonly wait: unknown }>;

/** An asynchronous result other than bytes: the counterpart of RxJS's `ObservableInput`, typed without a dependency on RxJS. */
export type Answer<A> = PromiseLike<A> | Iterable<A> | AsyncIterable<A> | { subscribe(next: (value: A) => void): unknown };

/** A conversation: a generator that yields its needs, receives the bytes for each, and returns its result. */
export type Talk<T> = Generator<Need, T, Uint8Array>;

/** Creates the need for exactly `count` bytes. Throws a TypeError if `count` is not a number of bytes. */
export function needCount(count: number): BytesNeed {
  checkLength(count, '`count` of link.read');
  return { count };
}

/** Creates the need for all bytes up to and including a delimiter. Throws a TypeError for an empty delimiter or an invalid limit. */
export function needUntil(until: Uint8Array, limit: number, whole?: number): BytesNeed {
  if (until.length === 0) throw new TypeError('expected the delimiter of link.readUntil to have a byte at least, got none');
  if (limit !== Infinity) checkLength(limit, '`limit` of link.readUntil');
  return { until, limit, whole };
}

/** Returns whether a yielded value is a need, as with `yield*`, and not the generator that creates one, as with a plain `yield`. */
export function isNeed(value: unknown): value is Need {
  return isObject(value) && ('count' in value || 'until' in value || 'wait' in value);
}

/** Creates the error for a yielded value that is not a need. */
export function notANeed(value: unknown): TypeError {
  const got = isObject(value) && 'next' in value ? 'a generator' : typeof value;
  return new TypeError(
    `expected the conversation to write \`yield*\` before link.read, link.readUntil and link.wait, got \`yield\` with ${got}`,
  );
}

function checkLength(count: number, name: string): void {
  if (!isCount(count)) throw new TypeError(`expected ${name} to be a number of bytes, got ${String(count)}`);
}
