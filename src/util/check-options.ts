import { describeWithType } from './describe.ts';
import { ownOptions } from './own-options.ts';

/** Rule for one option: the expected value in words, its test, and the format of a wrong value, if that cannot be a secret. */
export type Rule = readonly [words: string, test: (value: unknown) => boolean, show?: (value: unknown) => string];

/** Rules by option name. */
export type Rules = Readonly<Record<string, Rule>>;

/**
 * Copies options as {@link ownOptions} does, and checks the copy. An undefined option counts as absent. The message about a wrong
 * value contains only its type and length, unless the rule formats it, because the value may be a secret.
 *
 * @returns the copy.
 * @throws TypeError that names `caller` and the option.
 */
export function checkOptions<T extends object>(caller: string, options: T, rules: Rules, required: readonly string[] = []): T {
  const given = ownOptions<Record<string, unknown>>(options as Record<string, unknown>, caller, Object.keys(rules)) as Readonly<
    Record<string, unknown>
  >;
  for (const [name, [words, test, show = describeWithType]] of Object.entries(rules)) {
    const value = given[name];
    if (value === undefined ? required.includes(name) : !test(value))
      throw new TypeError(`expected \`${name}\` of ${caller} to be ${words}, got ${show(value)}`);
  }
  return given as T;
}
