/** Returns the median of the slopes between all pairs of points (Theil–Sen). Single high samples hardly change it. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes = points
    .flatMap(([x, y], at) => points.slice(at + 1).map((other) => (other[1] - y) / (other[0] - x)))
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  return slopes[slopes.length >> 1] ?? 0;
}
