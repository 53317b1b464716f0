import type { OtherNames } from '../util/check-options.ts';

/** Whether a key names one of the user's own fields. */
export function isOwnField(key: string): boolean {
  const code = key.charCodeAt(0);
  return code < 128 ? code >= 65 && code <= 90 : /^\p{Lu}/u.test(key);
}

/** The user's own fields among the options. */
export const OWN_FIELDS: OtherNames = { accepts: isOwnField, words: 'and your own fields, whose names start with a capital' };
