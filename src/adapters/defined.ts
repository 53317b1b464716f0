import { ownOptions } from '../util/own-options.ts';

/** Copies the options without those that are undefined or null. */
export function defined<T extends object>(options: T): T {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined && value !== null);
  return ownOptions(Object.fromEntries(entries) as T, 'an agent');
}
