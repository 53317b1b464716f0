import { asText } from '../../util/log-format.ts';

/**
 * Returns the requested rules, or all known rules by default.
 *
 * @param requested the `rules` option.
 * @param known the rules that can be checked here.
 * @param check the name of the check, for the message.
 * @throws TypeError for a rule that is not known.
 */
export function chosenRules(requested: readonly number[] | undefined, known: readonly number[], check: string): readonly number[] {
  const unknown = requested?.find((rule) => !known.includes(rule));
  if (unknown !== undefined)
    throw new TypeError(`expected each of \`rules\` of ${check} to be one of ${known.join(', ')}, got ${asText(unknown)}`);
  return requested ?? known;
}
