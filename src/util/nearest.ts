/** Finds the known name that a misspelt one most likely means. It differs in one or two letters, or is longer or shorter at its end. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length > MAX_LENGTH) return undefined;
  const lower = name.toLowerCase();
  const edits = known.map((each) => ({ each, count: editsBetween(lower, each.toLowerCase()) }));
  const [best] = edits.sort((a, b) => a.count - b.count);
  if (best && best.count <= (name.length < 6 ? 1 : 2)) return best.each;
  return known.find((each) => areAlike(lower, each.toLowerCase()));
}

/** Longer names get no suggestion: the time of the comparison is the product of both lengths. */
const MAX_LENGTH = 40;

function areAlike(a: string, b: string): boolean {
  return Math.min(a.length, b.length) >= 3 && (a.startsWith(b) || b.startsWith(a));
}

/** Counts the edits between two texts: letters to change, add, remove, or swap with their neighbour. */
function editsBetween(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let i = 1; i <= a.length; i += 1) {
    rows[i] = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Infinity;
      rows[i]?.push(Math.min(change, swap, at(i - 1, j) + 1, at(i, j - 1) + 1));
    }
  }
  return at(a.length, b.length);
}
