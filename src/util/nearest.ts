/** Finds the known name that a misspelt one most likely means: at most two letters differ, in any order, or one starts with the other. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const text = name.slice(0, MAX_LENGTH).toLowerCase();
  const difference = (each: string): number => {
    const lower = each.toLowerCase();
    const isCut = Math.min(text.length, lower.length) > 2 && (text.startsWith(lower) || lower.startsWith(text));
    return Math.min(isCut ? MAX_DIFFERENCE : Infinity, countLeft(text, lower) + countLeft(lower, text));
  };
  const near = known.filter((each) => difference(each) <= MAX_DIFFERENCE);
  return near.toSorted((a, b) => difference(a) - difference(b))[0];
}

const MAX_DIFFERENCE = 2;

/** No option is as long. */
const MAX_LENGTH = 40;

/** Counts the letters of a name that remain without those of another. */
function countLeft(name: string, other: string): number {
  return Array.from(other).reduce((rest, letter) => rest.replace(letter, ''), name).length;
}
