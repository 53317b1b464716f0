/** Finds the known name that a misspelt one most likely means. It differs in one or two letters, or is longer or shorter at its end. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length > MAX_LENGTH) return undefined;
  const text = name.toLowerCase();
  const find = (test: (each: string) => boolean): string | undefined => known.find((each) => test(each.toLowerCase()));
  const within = (edits: number): string | undefined => find((each) => differsBy(edits, text, each));
  const isCut = (each: string): boolean => Math.min(text.length, each.length) >= 3 && (text.startsWith(each) || each.startsWith(text));
  return within(0) ?? within(1) ?? (name.length < 6 ? undefined : within(2)) ?? find(isCut);
}

/** Longer names get no suggestion: no option is as long. */
const MAX_LENGTH = 40;

/** Whether at most `edits` edits make one text of the other: letters to change, add, remove, or swap with their neighbour. */
function differsBy(edits: number, a: string, b: string): boolean {
  if (a === b || edits === 0) return a === b;
  const after = (countA: number, countB: number, cost = 1): boolean => differsBy(edits - cost, a.slice(countA), b.slice(countB));
  const isSame = (at: number, other: number): boolean => a.charCodeAt(at) === b.charCodeAt(other);
  if (isSame(0, 0)) return after(1, 1, 0);
  return after(1, 1) || after(1, 0) || after(0, 1) || (isSame(0, 1) && isSame(1, 0) && after(2, 2));
}
