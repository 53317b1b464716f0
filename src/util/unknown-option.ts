import { nearest } from './nearest.ts';

/**
 * Creates the error for an unknown option. The message shows the name, then the most similar option, then all options.
 *
 * @param caller name of the function with these options.
 * @param known the names of its options.
 * @param others further accepted names, in words.
 */
export function unknownOption(name: string, caller: string, known: readonly string[], others?: string): TypeError {
  const meant = nearest(name, known);
  const list = known.concat(others ?? []).join(', ');
  const shown = JSON.stringify(name.slice(0, 40)).slice(1, -1);
  return new TypeError(`unknown option \`${shown}\`${meant === undefined ? '' : `; did you mean \`${meant}\`?`} (${caller} takes ${list})`);
}
