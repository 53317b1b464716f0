import { errorFacts } from '../wire/in-log.ts';
import { sameBytes } from './bytes.ts';

/** Whether two decoded values are the same by content and class: a Buffer and a Uint8Array of the same bytes are. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array) return a instanceof Uint8Array && b instanceof Uint8Array && sameBytes(a, b);
  if (a instanceof Error || b instanceof Error) {
    return a instanceof Error && b instanceof Error && a.message === b.message && codeOf(a) === codeOf(b);
  }
  if (classOf(a) !== classOf(b)) return false;
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  // In the order of their entries, in which they were filled.
  if (a instanceof Map || a instanceof Set) return same([...a], [...(b as Iterable<unknown>)]);
  const [keys, others] = [Object.keys(a), Object.keys(b)];
  if (keys.length !== others.length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}

/** What an error calls itself. */
export function codeOf(error: unknown): string | undefined {
  return errorFacts(error).code;
}

/** Arrays and plain objects are what they are also where a test runner has its own of them, and without a prototype. */
function classOf(value: object): unknown {
  if (Array.isArray(value)) return Array;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null ? Object : prototype;
}
