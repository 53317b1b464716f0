import { describeWithType } from './describe.ts';
import { ownOptions } from './own-options.ts';
import { unknownOption } from './unknown-option.ts';
import { isObject } from './value-tests.ts';

/** Rule for one option: the expected value in words, its test, and the format of a wrong value. @see {@link OptionSet.show} */
export type Rule = readonly [words: string, test: (value: unknown) => boolean, show?: (value: unknown) => string];

/** Rules by option name. */
export type Rules = Readonly<Record<string, Rule>>;

/** The options of one function, and how messages call them. */
export interface OptionSet {
  /** Name of the function. */
  readonly caller: string;
  readonly rules: Rules;
  /** Names of the required options. @default none */
  readonly required?: readonly string[];
  /** Format of a wrong value whose rule has none. @default only its type and length, because it may be a secret */
  readonly show?: (value: unknown) => string;
  /** Start of a message about a wrong value. @default no start, and the message names `caller` instead */
  readonly usage?: string;
  /** Written before each name in a message about a wrong value. @default '' */
  readonly prefix?: string;
  /** Further accepted names, which have no rule. @default none */
  readonly others?: OtherNames;
}

/** Names that are accepted without a rule. */
export interface OtherNames {
  readonly words: string;
  accepts(name: string): boolean;
}

/**
 * Copies options as {@link ownOptions} does, and checks the copy. An undefined option counts as absent.
 *
 * @returns the copy.
 * @throws TypeError that names the caller and the option.
 */
export function checkOptions<T extends object>(options: T, set: OptionSet): T {
  const { caller, required = [], show = describeWithType, usage } = set;
  if (usage !== undefined && !isObject(options)) throw new TypeError(`${usage}: expected an object of options, got ${show(options)}`);
  const own = ownOptions(options as Record<string, unknown>, caller);
  for (const name of Object.keys(own)) if (!set.others?.accepts(name)) checkOption(name, own[name], set);
  for (const name of required) if (own[name] === undefined) throw wrongOption(name, undefined, set);
  return own as T;
}

/**
 * Checks one option. Accepts undefined.
 *
 * @throws TypeError that names the caller and the option.
 */
export function checkOption(name: string, value: unknown, set: OptionSet): void {
  const rule = ruleOf(name, set);
  if (!rule) throw unknownOption(name, set.caller, Object.keys(set.rules), set.others?.words);
  if (value !== undefined && !rule[1](value)) throw wrongOption(name, value, set);
}

function wrongOption(name: string, value: unknown, set: OptionSet): TypeError {
  const { caller, usage, prefix = '' } = set;
  const [words, , show = set.show ?? describeWithType] = ruleOf(name, set) ?? ['present'];
  const [start, of] = usage === undefined ? ['', ` of ${caller}`] : [`${usage}: `, ''];
  return new TypeError(`${start}expected \`${prefix}${name}\`${of} to be ${words}, got ${show(value)}`);
}

function ruleOf(name: string, { rules }: OptionSet): Rule | undefined {
  return Object.hasOwn(rules, name) ? rules[name] : undefined;
}
