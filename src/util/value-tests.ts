// Tests of option values, for the rules of `checkOptions`.

export function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** A string that is not empty. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

export function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

/** An integer from 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** An integer from 0 to 65535. */
export function isPortOrZero(value: unknown): value is number {
  return isCount(value) && value <= 65535;
}

/** An integer from 1 to 65535. */
export function isPort(value: unknown): value is number {
  return isPortOrZero(value) && value > 0;
}

/** A number of milliseconds, including Infinity. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}
