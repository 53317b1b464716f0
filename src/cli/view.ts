import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseRecording, toHtml, toMarbles, toMermaid, toSvg, type PictureOptions, type Recording } from '../testing.ts';
import { parseCommand, UsageError } from './usage.ts';

const FLAG = { type: 'boolean', default: false } as const;
const OPTIONS = { svg: FLAG, mermaid: FLAG, text: FLAG, out: { type: 'string' }, 'no-open': FLAG, 'no-content': FLAG } as const;
const FORMATS: Readonly<Record<'svg' | 'mermaid' | 'text', (recording: Recording, options: PictureOptions) => string>> = {
  svg: toSvg,
  mermaid: (recording, { content }) => toMermaid(recording, { content }),
  text: (recording) => String(toMarbles(recording)),
};

/** Draws a recording as the page that opens, or in another format on standard output. */
export function view(args: readonly string[]): Promise<void> {
  const { file, values } = parseCommand(args, OPTIONS);
  const chosen = (['svg', 'mermaid', 'text'] as const).filter((name) => values[name]);
  if (chosen.length > 1) throw new UsageError(`expected one format, got ${chosen.map((name) => `--${name}`).join(' ')}`);
  const recording = read(file);
  const [format] = chosen;
  const shown: PictureOptions = { title: file === '-' ? 'A connection' : basename(file), content: !values['no-content'] };
  const { out } = values;
  if (format) {
    const drawn = FORMATS[format](recording, shown);
    if (out === undefined) process.stdout.write(drawn);
    else write(out, drawn);
  } else {
    const path = out ?? (file === '-' ? 'recording.html' : `${file.replace(/\.[^./\\]*$/, '')}.html`);
    write(path, toHtml(recording, shown));
    console.log(path);
    if (!values['no-open'] && process.stdout.isTTY) open(path);
  }
  return Promise.resolve();
}

function read(file: string): Recording {
  const text = readFileSync(file === '-' ? 0 : file, 'utf8');
  try {
    return parseRecording(text);
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** Only the owner may read it: it contains what passed. */
function write(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 });
}

/** Opens a page in the browser of the desktop, if there is one. */
function open(path: string): void {
  const { platform, env } = process;
  const command =
    { darwin: 'open', win32: 'explorer' }[platform as string] ?? (env.DISPLAY || env.WAYLAND_DISPLAY ? 'xdg-open' : undefined);
  if (command === undefined) return;
  const child = spawn(command, [path], { stdio: 'ignore', detached: true });
  child.on('error', () => {}); // its path has been printed
  child.unref();
}
