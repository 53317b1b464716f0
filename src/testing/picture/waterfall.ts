import { formatTime } from './format.ts';
import { CHAR_WIDTH, MARGIN, PLOT_RIGHT } from './layout.ts';
import type { PicturePhase } from './phases.ts';
import { rect, text } from './svg.ts';
import type { TimeScale } from './time-scale.ts';

const ROW_HEIGHT = 20;
/** More phases than this are not drawn. */
const MAX_PHASES = 24;

/** Draws phases as bars under each other. */
export function waterfall(
  phases: readonly PicturePhase[],
  top: number,
  scale: TimeScale,
): { readonly height: number; readonly body: string } {
  const rows = phases.slice(0, MAX_PHASES).map(({ name, from, to, isFailed = false }, index) => {
    const y = top + index * ROW_HEIGHT;
    const [start, end] = [scale.xOf(from), scale.xOf(to)];
    const time = `${formatTime(to - from)}${isFailed ? ', failed' : ''}`;
    const width = Math.max(3, end - start);
    // Behind the bar, or before it where there is no room behind.
    const after = start + width + 6;
    const fits = after + time.length * CHAR_WIDTH < PLOT_RIGHT + 40;
    const label = fits ? text('time', after, y + 12, time) : text('time before', start - 6, y + 12, time);
    const className = `phase ${isFailed ? 'failed' : classOf(name)}`;
    const isCut = name.length > 18;
    return (
      text('name', MARGIN, y + 12, isCut ? `${name.slice(0, 17)}…` : name) +
      rect(className, { x: start, y: y + 3, width, height: 11, rx: 2 }, `${name}: ${time}, from ${formatTime(from)}`) +
      label
    );
  });
  return { height: rows.length * ROW_HEIGHT + (rows.length > 0 ? 8 : 0), body: rows.join('') };
}

/** The phases before and after the transfer have the colour of a handshake. */
function classOf(name: string): string {
  return ['resolve', 'connect', 'transfer', 'close'].includes(name) ? name : 'handshake';
}
