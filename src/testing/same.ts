import { errorFacts } from '../util/log-format.ts';
import { sameBytes } from './bytes.ts';

/** Whether two decoded values are equal by content and class. A Buffer equals a Uint8Array of the same bytes. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array) return a instanceof Uint8Array && b instanceof Uint8Array && sameBytes(a, b);
  if (a instanceof Error || b instanceof Error) {
    return a instanceof Error && b instanceof Error && a.message === b.message && codeOf(a) === codeOf(b);
  }
  if (classOf(a) !== classOf(b)) return false;
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  // Compares the entries in insertion order.
  if (a instanceof Map || a instanceof Set) return same([...a], [...(b as Iterable<unknown>)]);
  const [keys, others] = [Object.keys(a), Object.keys(b)];
  if (keys.length !== others.length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}

/** Returns the `code` of an error, if any. */
export function codeOf(error: unknown): string | undefined {
  return errorFacts(error).code;
}

/**
 * Returns the class of an object. Arrays and plain objects of another realm (a test runner's), and objects without a prototype, count as
 * those of this realm.
 */
function classOf(value: object): unknown {
  if (Array.isArray(value)) return Array;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null ? Object : prototype;
}
