import { checkOptions, type Rules } from '../../util/check-options.ts';
import { definedOptions } from '../../util/own-options.ts';

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
  return checkOptions(definedOptions(options, caller), { caller, usage: caller, rules });
}
