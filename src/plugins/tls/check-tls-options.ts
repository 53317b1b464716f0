import type { Rules } from '../../util/check-options.ts';
import { describeWithType } from '../../util/describe.ts';
import { ownOptions } from '../../util/own-options.ts';
import { unknownOption } from '../../util/unknown-option.ts';

/**
 * Validates and copies the options that are not undefined, because Node does not treat undefined as absent. Reads own properties only,
 * and returns an object without a prototype, so that nothing on `Object.prototype` becomes an option. Error messages quote no values,
 * which may be secret.
 *
 * @throws TypeError that names the option.
 */
export function checkTlsOptions<T extends object>(caller: string, options: T, rules: Rules): T {
  if (typeof options === 'function')
    throw new TypeError(`${caller}: expected an object of options, got a function; a plugin is what ${caller} returns, not what it takes`);
  const given = Object.entries(ownOptions(options, caller)).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (!rule) throw unknownOption(name, caller, Object.keys(rules).sort());
    if (!rule[1](value)) throw new TypeError(`${caller}: expected \`${name}\` to be ${rule[0]}, got ${describeWithType(value)}`);
  }
  return ownOptions(Object.fromEntries(given) as T, caller);
}
