import { definedOnly } from './defined-only.ts';

/** Fields that are shown of an error of another origin. Other fields may hold a secret, or a whole socket. */
const NODE_FIELDS: readonly string[] = ['code', 'errno', 'syscall', 'hostname', 'address', 'port', 'path'];

/** Bounds a chain of causes, which may be a cycle, and the nesting of facts. */
const MAX_DEPTH = 8;

/** Bounds the list of an AggregateError. */
const MAX_ERRORS = 32;

/** Converts an error. `depth` is its position in the chain of causes. */
type Convert = (error: Error, depth: number) => unknown;

/** Returns an error as a value that `JSON.stringify` takes: name, message, known fields, and the chain of causes. */
export function errorToJson(error: Error, depth = 0, convert: Convert = errorToJson): Record<string, unknown> {
  const { name, message, cause } = error;
  const linked = (thrown: unknown): unknown => anyToJson(thrown, depth + 1, convert);
  // Our own errors show all their fields: none of them holds a secret.
  const keys = name === 'IOStreamError' ? Object.keys(error) : NODE_FIELDS;
  return definedOnly({
    ...{ name, code: undefined, errno: undefined, message }, // The order of the fields.
    ...Object.fromEntries(keys.map((key) => [key, plain(error[key as keyof Error])])),
    cause: linked(cause),
    errors: error instanceof AggregateError ? error.errors.slice(0, MAX_ERRORS).map(linked) : undefined,
  });
}

/** Returns any thrown value, such as an abort reason, as a value that `JSON.stringify` takes. */
export function anyToJson(thrown: unknown, depth = 0, convert: Convert = errorToJson): unknown {
  return thrown instanceof Error && depth < MAX_DEPTH ? convert(thrown, depth) : plain(thrown, MAX_DEPTH);
}

/**
 * Returns a copy of an error for `inspect` to print, with the same class and stack, and with the fields of {@link errorToJson}. Pass
 * `customInspect: false`: the copies of our own errors would be copied again.
 */
export function errorToPrint(error: Error, depth = 0): object {
  const fields = definedOnly({ ...errorToJson(error, depth, errorToPrint), stack: error.stack });
  return Object.setPrototypeOf(fields, Object.getPrototypeOf(error) as object) as object;
}

/** Copies primitives, and to the depth arrays and plain objects. Of other objects, such as a socket, keeps the name of the class. */
function plain(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  if (Object(value) !== value) return value;
  const next = (each: unknown): unknown => plain(each, depth + 1);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (depth < MAX_DEPTH && Array.isArray(value)) return value.map(next);
  if (depth < MAX_DEPTH && (!prototype || prototype === Object.prototype))
    return Object.fromEntries(Object.entries(value as object).map(([key, each]) => [key, next(each)]));
  return `[${(value as { constructor?: { name: string } }).constructor?.name ?? 'Object'}]`;
}
