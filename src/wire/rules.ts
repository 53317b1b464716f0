import { typeInWords } from './in-words.ts';
import { ownOptions } from './own-options.ts';

/** One option: what it must be, in words and as a test; and how a wrong value is shown, if it cannot be a secret. */
export type Rule = readonly [words: string, test: (value: unknown) => boolean, show?: (value: unknown) => string];

/** Options by name. */
export type Rules = Readonly<Record<string, Rule>>;

/**
 * Copies options as {@link ownOptions} does, and checks the copy; what is undefined counts as absent. The message about a wrong
 * value has no more of it than type and length, unless its rule shows it: it may be a secret.
 *
 * @returns the copy.
 * @throws TypeError that names `caller` and the option.
 */
export function checkByRules<T extends object>(caller: string, options: T, rules: Rules, required: readonly string[] = []): T {
  const given = ownOptions<Record<string, unknown>>(options as Record<string, unknown>, caller, Object.keys(rules)) as Readonly<
    Record<string, unknown>
  >;
  for (const [name, [words, test, show = typeInWords]] of Object.entries(rules)) {
    const value = given[name];
    if (value === undefined ? required.includes(name) : !test(value))
      throw new TypeError(`expected \`${name}\` of ${caller} to be ${words}, got ${show(value)}`);
  }
  return given as T;
}
