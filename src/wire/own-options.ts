import { typeInWords } from './in-words.ts';
import { unknownOption } from './unknown-option.ts';

/**
 * The prototype of copied options: empty and frozen, so that nothing is inherited from it. An object with this prototype takes the
 * memory of a literal; V8 makes a hash table of one without a prototype, of five times the size.
 */
const NOTHING: object = Object.freeze(Object.create(null) as object);

/**
 * Copies options: own enumerable properties only, into an object that inherits nothing. What is read from the copy was given by
 * the caller, never by `Object.prototype`, and stays what it was at the call. Values are not copied: a list or a record among
 * them needs a copy of its own.
 *
 * @param options what the caller gave.
 * @param caller the function that takes them, for the message.
 * @param known all names that it takes. @default any name is taken
 * @throws TypeError when `options` is not an object, and for a name that is not known.
 */
export function ownOptions<T extends object>(options: T, caller: string, known?: readonly (keyof T & string)[]): T {
  if (typeof options !== 'object' || (options as unknown) === null || Array.isArray(options))
    throw new TypeError(`expected an object of options for ${caller}, got ${typeInWords(options)}`);
  const own = Object.setPrototypeOf({ ...options }, NOTHING) as T;
  const names: readonly string[] | undefined = known;
  const unknown = names && Object.keys(own).find((name) => !names.includes(name));
  if (names && unknown !== undefined) throw unknownOption(unknown, caller, names);
  return own;
}
