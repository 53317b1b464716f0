import { nearest } from './nearest.ts';

/**
 * The error of a name that is no option: first the name, then the one that was probably meant, then all there are.
 *
 * @param caller the function that takes the options.
 * @param known their names.
 * @param others what other names it takes, in words.
 */
export function unknownOption(name: string, caller: string, known: readonly string[], others?: string): TypeError {
  const meant = nearest(name, known);
  const list = [...known, ...(others === undefined ? [] : [others])].join(', ');
  const shown = JSON.stringify(name.slice(0, 40)).slice(1, -1);
  return new TypeError(`unknown option \`${shown}\`${meant === undefined ? '' : `; did you mean \`${meant}\`?`} (${caller} takes ${list})`);
}
