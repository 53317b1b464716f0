/** Fields that are shown of an error of another origin. Other fields may hold a secret, or a whole socket. */
const NODE_FIELDS: readonly string[] = ['code', 'errno', 'syscall', 'hostname', 'address', 'port', 'path'];

/** Bounds a chain of causes, which may be a cycle, and the nesting of facts. */
const MAX_DEPTH = 8;

/** Bounds the list of an AggregateError. */
const MAX_ERRORS = 32;

/** Returns an error as a value that `JSON.stringify` takes: name, message, known fields, and the chain of causes. */
export function errorToJson(error: Error, depth = 0): Record<string, unknown> {
  const { name, message } = error;
  const { code, errno, ...fields } = shownFields(error);
  return definedOnly({ name, code, errno, message, ...fields, ...linked(error, (each) => anyToJson(each, depth + 1)) });
}

/** Returns any thrown value, such as an abort reason, as a value that `JSON.stringify` takes. */
export function anyToJson(thrown: unknown, depth = 0): unknown {
  return thrown instanceof Error && depth < MAX_DEPTH ? errorToJson(thrown, depth) : plain(thrown, MAX_DEPTH);
}

/**
 * Returns a copy of an error for `inspect` to print, with the same class and stack, and with the fields of {@link errorToJson}. Pass
 * `customInspect: false`: the copies of our own errors would be copied again.
 */
export function errorToPrint(error: Error, depth = 0): Error {
  const { name, message, stack } = error;
  const hidden = Object.entries({ name, message, stack, ...linked(error, (each) => anyToPrint(each, depth + 1)) });
  const shown = Object.entries(shownFields(error));
  return Object.create(
    Object.getPrototypeOf(error) as object,
    Object.fromEntries([
      ...hidden.map(([key, value]) => [key, { value }]),
      ...shown.map(([key, value]) => [key, { value, enumerable: true }]),
    ]) as PropertyDescriptorMap,
  ) as Error;
}

function anyToPrint(thrown: unknown, depth: number): unknown {
  return thrown instanceof Error && depth < MAX_DEPTH ? errorToPrint(thrown, depth) : plain(thrown, MAX_DEPTH);
}

/** Our own errors show all their fields: none of them holds a secret. */
function shownFields(error: Error): Record<string, unknown> {
  const all = error as unknown as Record<string, unknown>;
  const keys = error.name === 'IOStreamError' ? Object.keys(error) : NODE_FIELDS;
  return definedOnly(Object.fromEntries(keys.map((key) => [key, plain(all[key], 0)])));
}

/** The cause of an error and the errors of an AggregateError, converted. */
function linked(error: Error, convert: (thrown: unknown) => unknown): { readonly cause?: unknown; readonly errors?: unknown } {
  return {
    ...(error.cause === undefined ? {} : { cause: convert(error.cause) }),
    ...(error instanceof AggregateError ? { errors: error.errors.slice(0, MAX_ERRORS).map(convert) } : {}),
  };
}

/** Copies primitives, and to the depth arrays and plain objects. Of other objects, such as a socket, keeps the name of the class. */
function plain(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  if (typeof value === 'function') return '[Function]';
  if (typeof value !== 'object' || value === null) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null || Array.isArray(value);
  if (!isPlain || depth >= MAX_DEPTH) return `[${(value as { constructor?: { name: string } }).constructor?.name ?? 'Object'}]`;
  if (Array.isArray(value)) return value.map((each) => plain(each, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each, depth + 1)]));
}

function definedOnly(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
