import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { paint, type Look } from '../support/terminal.ts';
import { render, type Frame } from './render.ts';
import type { Timeline } from './timeline.ts';
import { waterfall } from './waterfall.ts';

/** Draws where the time went: the handshakes in proportion, then the whole stream. */
export function waterfalls({ handshakes, phases }: Timeline, look: Look): string {
  const titled = (title: string, part: Timeline['phases']): string =>
    `${paint('bold', title, look)} ${(part.at(-1)?.to ?? 0).toFixed(1)} ms\n${waterfall(part, look)}`;
  return `${titled('handshakes', handshakes)}\n${titled('in all', phases)}`;
}

/** Writes the stack, the waterfalls and the timeline to a file. Returns its path. */
export async function writePicture(frame: Frame, timeline: Timeline): Promise<string> {
  const look = { columns: 100, color: false, unicode: true };
  const path = join(await mkdtemp(join(tmpdir(), 'rxjs-io-stream-')), 'transfer.txt');
  await writeFile(path, [render(frame, look), waterfalls(timeline, look), String(timeline), ''].join('\n\n'));
  return path;
}
