import { definedOnly } from './defined-only.ts';
import { describeWithType } from './describe.ts';
import { unknownOption } from './unknown-option.ts';
import { isObject } from './value-tests.ts';

/**
 * Prototype of copied options: empty and frozen, so that no property is inherited. An object with this prototype takes as much
 * memory as a literal. V8 stores an object without a prototype as a hash table of five times the size.
 */
const EMPTY_PROTOTYPE: object = /* @__PURE__ */ Object.freeze(/* @__PURE__ */ Object.create(null) as object);

/**
 * Copies the own enumerable properties of options into an object that inherits nothing. The copy keeps the values of the call,
 * and never reads from `Object.prototype`. The copy is shallow: copy lists and records among the values separately.
 *
 * @param options the options as passed by the caller.
 * @param caller name of the function with these options, for the message.
 * @param known all accepted names. @default any name is accepted
 * @returns the copy.
 * @throws TypeError if `options` is not an object, and for an unknown name.
 */
export function ownOptions<T extends object>(options: T, caller: string, known?: readonly (keyof T & string)[]): T {
  if (!isObject(options) || Array.isArray(options))
    throw new TypeError(`expected an object of options for ${caller}, got ${describeWithType(options)}`);
  const own = Object.setPrototypeOf({ ...options }, EMPTY_PROTOTYPE) as T;
  for (const name of Object.keys(own)) if (known && !known.includes(name as never)) throw unknownOption(name, caller, known);
  return own;
}

/** Copies options as {@link ownOptions} does, without those that are undefined: some functions of Node do not take these as absent. */
export function definedOptions<T extends object>(options: T, caller: string): T {
  return ownOptions(definedOnly(ownOptions(options, caller)) as T, caller);
}
