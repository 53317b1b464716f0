/** Script: draws samples as lines, and pauses as bands. */
export const CHART: string = String.raw`
// A chart: lines of columns of the samples, and bands where the share of the last column is above 0.
function chart(width, height, series, pauses) {
  const bands = svg('path.band'), lines = series.map((s) => svg('path.line.' + s.name));
  const drawing = svg('svg', { viewBox: '0 0 ' + width + ' ' + height, preserveAspectRatio: 'none', height, role: 'img' },
    svg('path.axis', { d: 'M0 ' + height + 'H' + width }), bands, ...lines);
  return {
    drawing,
    draw(c) {
      const end = c.closed === null || c.closed === undefined ? state.tick : (c.samples.at(-1)?.[0] ?? 0);
      const step = width / (state.maxSamples - 1);
      const x = (tick) => (width - (end - tick) * step).toFixed(1);
      const max = Math.max(0, ...c.samples.flatMap((s) => series.map(({ column }) => s[column])));
      series.forEach(({ column }, at) => {
        const points = c.samples.map((s) => x(s[0]) + ' ' + (height - 1 - (s[column] / Math.max(1, max)) * (height - 3)).toFixed(1));
        lines[at].setAttribute('d', points.length > 0 ? 'M' + points.join('L') : '');
      });
      bands.setAttribute('d', c.samples
        .map((s) => [x(s[0] - 1), Math.max(...pauses.map((column) => s[column]))])
        .filter(([, share]) => share > 0)
        .map(([from, share]) => 'M' + from + ' ' + height + 'v' + (-share * height).toFixed(1) + 'h' + step.toFixed(1) + 'V' + height + 'z').join(''));
      return max;
    },
  };
}
const IN = { name: 'in', column: 1 }, OUT = { name: 'out', column: 2 };
const PENDING = { name: 'pending', column: 3 }, UNREAD = { name: 'unread', column: 4 };
`;
