/** One option: what it must be, in words and as a test. */
export type Rule = readonly [words: string, test: (value: unknown) => boolean];

/** Options by name. */
export type Rules = Readonly<Record<string, Rule>>;

/**
 * Checks options at the call; what is undefined counts as absent. Says of a wrong one no more than its type and length: it may
 * be a secret.
 *
 * @throws TypeError that names `caller` and the option.
 */
export function checkByRules(caller: string, options: unknown, rules: Rules, required: readonly string[] = []): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new TypeError(`expected an object of options for ${caller}, got ${typeInWords(options)}`);
  const given = options as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(rules, name));
  if (unknown !== undefined)
    throw new TypeError(`expected ${caller} to have the options ${Object.keys(rules).join(', ')}, got \`${unknown}\``);
  for (const [name, [words, test]] of Object.entries(rules)) {
    const value = given[name];
    if (value === undefined ? required.includes(name) : !test(value))
      throw new TypeError(`expected \`${name}\` of ${caller} to be ${words}, got ${typeInWords(value)}`);
  }
}

function typeInWords(value: unknown): string {
  if (typeof value === 'string') return `a string of ${new TextEncoder().encode(value).length} bytes`;
  if (typeof value === 'number') return `${value}`;
  if (Array.isArray(value)) return 'an array';
  return value === null ? 'null' : typeof value;
}
