import { utf8 } from './utf8.ts';
import { isObject } from './value-tests.ts';

/** Formats a value for an error message: short, with its type. Hides text that may be a URL, which may contain a password. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string' && !/@|:\/\//.test(value)) return `${JSON.stringify(value.replace(/(.{40}).+/s, '$1…'))} (string)`;
  if (isObject(value) && !Array.isArray(value)) return `an object (${Object.prototype.toString.call(value).slice(8, -1)})`;
  return /number|boolean|bigint|symbol/.test(typeof value) ? `${String(value)} (${typeof value})` : describeWithType(value);
}

/** Formats only the type of a value, and the length of a string, because the value may be a secret. */
export function describeWithType(value: unknown): string {
  if (typeof value === 'string') return `a string of ${utf8(value).length} bytes`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value === null || value === undefined) return String(value);
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}

/** Formats the value of a number, and only the type of any other value. */
export function describeNumber(value: unknown): string {
  return typeof value === 'number' ? String(value) : describeWithType(value);
}
