import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { parseRecording, toHtml, toMarbles, toMermaid, toPcapng, toSvg, type PictureOptions, type Recording } from '../testing.ts';
import { parseCommand, UsageError } from './usage.ts';
import { writePrivate } from './write-private.ts';

const FLAG = { type: 'boolean', default: false } as const;
const TEXT = { type: 'string' } as const;
const OPTIONS = {
  svg: FLAG,
  mermaid: FLAG,
  text: FLAG,
  pcapng: FLAG,
  side: TEXT,
  out: TEXT,
  'no-open': FLAG,
  'no-content': FLAG,
} as const;
const NAMES = ['svg', 'mermaid', 'text', 'pcapng'] as const;
type Format = (typeof NAMES)[number];

interface ViewOptions extends PictureOptions {
  readonly side: 'app' | 'wire';
}

const FORMATS: Readonly<Record<Format, (recording: Recording, options: ViewOptions) => string | Uint8Array>> = {
  svg: (recording, { title, content }) => toSvg(recording, { title, content }),
  mermaid: (recording, { content }) => toMermaid(recording, { content }),
  text: (recording) => String(toMarbles(recording)),
  pcapng: (recording, { side }) => toPcapng(recording, { side }),
};

/** Draws a recording as the page that opens, or in another format on standard output. */
export function view(args: readonly string[]): Promise<void> {
  const { file, values } = parseCommand(args, OPTIONS);
  const { out, side = 'wire' } = values;
  const chosen = NAMES.filter((name) => values[name]);
  if (chosen.length > 1) throw new UsageError(`expected one format, got ${chosen.map((name) => `--${name}`).join(' ')}`);
  const [format] = chosen;
  const content = !values['no-content'];
  if (!content && (format === 'text' || format === 'pcapng'))
    throw new UsageError(`expected --no-content with a picture, got --${format}, which contains all bytes`);
  if (side !== 'app' && side !== 'wire') throw new UsageError(`expected --side app or --side wire, got '${side}'`);
  if (values.side !== undefined && format !== 'pcapng') throw new UsageError('expected --pcapng with --side, got --side alone');
  if (out !== undefined && resolve(out) === resolve(file))
    throw new UsageError(`expected --out to be another file than FILE, got '${out}'`);
  if (format === 'pcapng' && out === undefined && process.stdout.isTTY)
    throw new UsageError('expected --out PATH with --pcapng, got a terminal, which shows text only');

  const recording = read(file);
  const title = file === '-' ? 'A connection' : basename(file);
  if (format) {
    const drawn = FORMATS[format](recording, { title, content, side });
    if (out === undefined) process.stdout.write(drawn);
    else writePrivate(out, drawn);
  } else {
    const path = out ?? pageBeside(file);
    writePrivate(path, toHtml(recording, { title, content }));
    console.log(path);
    if (!values['no-open'] && process.stdout.isTTY) open(path);
  }
  return Promise.resolve();
}

/** Returns the path of the page: `failure.html` for `failure.txt`. It is never that of the recording. */
function pageBeside(file: string): string {
  const page = file === '-' ? 'recording.html' : `${file.replace(/(?<=[^/\\])\.[^./\\]*$/, '')}.html`;
  return page === file ? `${file}.html` : page;
}

function read(file: string): Recording {
  const text = readFileSync(file === '-' ? 0 : file, 'utf8');
  try {
    return parseRecording(text);
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
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
