import { writeFile } from 'node:fs/promises';
import { toSvg, type Recording } from 'rxjs-io-stream/testing';
import { paint, type Look } from '../support/terminal.ts';
import type { Timeline } from './timeline.ts';
import { waterfall } from './waterfall.ts';

/** Draws where the time went: the handshakes in proportion, then the whole stream. */
export function waterfalls({ handshakes, phases }: Timeline, look: Look): string {
  const titled = (title: string, part: Timeline['phases']): string =>
    `${paint('bold', title, look)} ${(part.at(-1)?.to ?? 0).toFixed(1)} ms\n${waterfall(part, look)}`;
  return `${titled('handshakes', handshakes)}\n${titled('in all', phases)}`;
}

/** Writes the picture of the transfer: the phases, and what passed above and below the stack. */
export async function writePicture(path: string, recording: Recording, { handshakes, phases }: Timeline): Promise<void> {
  const [, ...rest] = phases;
  await writeFile(path, toSvg(recording, { title: 'The transfer of npm start', phases: [...handshakes, ...rest], content: false }));
}
