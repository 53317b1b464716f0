import { describeValue } from '../util/describe.ts';
import { ownOptions } from '../util/own-options.ts';
import { isCount } from '../util/value-tests.ts';

/**
 * Copies the options of a codec, and checks `maxLength`, which is required.
 *
 * @param names names of all options of the codec.
 */
export function codecOptions<T extends { readonly maxLength: number }>(options: T, codec: string, names: readonly (keyof T & string)[]): T {
  const own = ownOptions((options as T | undefined) ?? ({} as T), codec, names);
  const maxLength: unknown = own.maxLength;
  if (!(isCount(maxLength) && maxLength > 0))
    throw new TypeError(`expected \`maxLength\` to be the most bytes a frame may have, an integer from 1, got ${describeValue(maxLength)}`);
  return own;
}

/** Checks that an option has one of the listed values. */
export function checkOneOf(name: string, value: unknown, values: readonly (string | number | boolean)[]): void {
  if (values.includes(value as never)) return;
  const words = values.map((each) => JSON.stringify(each)).join(', ');
  throw new TypeError(`expected \`${name}\` to be one of ${words}, got ${describeValue(value)}`);
}
