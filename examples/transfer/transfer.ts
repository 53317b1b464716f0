import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { defer, finalize, fromEvent, identity, lastValueFrom, map, takeUntil, tap } from 'rxjs';
import { IOStream } from 'rxjs-io-stream';
import { drawn } from '../support/drawn.ts';
import { formatBytes, formatCount } from '../support/format.ts';
import type { Target } from '../support/target.ts';
import { isDrawable, lookOf } from '../support/terminal.ts';
import { Amounts } from './amounts.ts';
import { cipher } from './cipher.ts';
import { embedded, tcpLayer } from './embedded.ts';
import { explain, Failure } from './failure.ts';
import type { Layer } from './meter.ts';
import type { Options } from './options.ts';
import { waterfalls, writePicture } from './picture.ts';
import { Progress } from './progress.ts';
import { render } from './render.ts';
import { roundTrip, type RoundTrip } from './round-trip.ts';
import { ownFile, temporaryFile, type SourceFile } from './source-file.ts';
import { Timeline } from './timeline.ts';

/** The echo server of the transfer, and the layers to reach it, nearest the application first. */
interface Server {
  readonly host: string;
  readonly port: number;
  readonly layers: Readonly<Record<string, Layer>>;
  readonly close: () => void;
}

/** What watches a transfer. */
interface Seen {
  readonly progress: Progress;
  readonly timeline: Timeline;
  readonly amounts: Amounts;
}

const isDrawn = isDrawable(process.stdout);

/**
 * Sends a file to an echo server and compares what comes back. On a terminal it draws the stack meanwhile, elsewhere it prints lines.
 *
 * @param signal Aborts the transfer with its reason.
 * @throws Failure that explains what happened and what to do.
 */
export async function transfer(options: Options, signal: AbortSignal): Promise<void> {
  const file = await (options.file === undefined ? temporaryFile(options.size, signal) : ownFile(options.file));
  const server = options.to ? ownServer(options.to) : await embedded();
  printPlan(file, server, options.to === undefined);
  const timeline = new Timeline();
  const progress = new Progress(server.layers, file.size, (label, sentence) => timeline.note(label, sentence));
  const amounts = new Amounts(() => timeline.elapsed);
  const trip = await send(file, server, { progress, timeline, amounts }, signal);
  console.log(`${isDrawn ? `\n${waterfalls(timeline, lookOf(process.stdout))}` : String(timeline)}\n`);
  await printPicture(options.picture, amounts, timeline);
  printResult(trip, timeline);
}

const ownServer = ({ host, port }: Target): Server => ({
  host,
  port,
  layers: {
    cipher: { label: 'cipher', plugin: cipher(randomBytes(32)), describe: () => ['AES-256-CTR', 'encrypts with AES-256-CTR'] },
    tcp: tcpLayer(`to ${host} port ${port}`),
  },
  close() {},
});

const addressOf = ({ host, port }: Server): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);

function printPlan({ description }: SourceFile, server: Server, isEmbedded: boolean): void {
  const layers = Object.keys(server.layers).join(' ⇄ ');
  console.log(`file    ${description}`);
  console.log(`server  ${addressOf(server)}${isEmbedded ? ' (embedded, as the proxies are)' : ''}`);
  console.log(`stack   file ⇄ ${layers}${isEmbedded ? '; the proxies see ciphertext only' : '; the cipher is a plugin of our own'}\n`);
}

/** Sends the file, and draws the progress on a terminal. After a failure it prints the timeline. */
async function send(file: SourceFile, server: Server, seen: Seen, signal: AbortSignal): Promise<RoundTrip> {
  const { progress, timeline, amounts } = seen;
  const { host, port, close } = server;
  let bytesBack = 0;
  const trip$ = defer(() => {
    signal.throwIfAborted();
    const io = new IOStream({ host, port, plugin: amounts.around(progress.plugin), timeouts: { connect: 10_000, idle: 30_000 } });
    timeline.follow(io);
    progress.follow(io);
    return roundTrip(io, createReadStream(file.path)).pipe(finalize(() => io.reset()));
  });
  const frame = (isLast: boolean): string => render(progress.frame(isLast), lookOf(process.stdout));
  const aborted$ = fromEvent(signal, 'abort').pipe(map(() => signal.throwIfAborted()));
  try {
    return await lastValueFrom(
      trip$.pipe(
        tap(({ back }) => {
          bytesBack = back;
        }),
        isDrawn ? drawn(process.stdout, frame, progress.redraw$) : identity,
        takeUntil(aborted$),
      ),
    );
  } catch (error) {
    console.log(`${isDrawn ? '\n' : ''}${String(timeline)}\n`);
    throw explain(error, { to: addressOf(server), size: file.size, back: bytesBack });
  } finally {
    close();
  }
}

/** What to check when more, fewer or other bytes were received. */
const HINTS = {
  '-1': 'check that the server goes on echoing after our end (half-close)',
  0: 'check what changes bytes on the way',
  1: 'check that this is an echo server: it adds bytes',
} as const;

function printResult(trip: RoundTrip, timeline: Timeline): void {
  const [sentHash, backHash] = [trip.sentHash(), trip.backHash()];
  console.log(`sent    ${formatCount(trip.sent, 'byte')}, SHA-256 ${sentHash}`);
  console.log(`back    ${formatCount(trip.back, 'byte')}, SHA-256 ${backHash}\n`);
  if (sentHash !== backHash) {
    const describe = (bytes: number, hash: string): string => `${formatCount(bytes, 'byte')} with SHA-256 ${hash}`;
    const hint = HINTS[Math.sign(trip.back - trip.sent) as -1 | 0 | 1];
    throw new Failure(describe(trip.sent, sentHash), describe(trip.back, backHash), hint);
  }
  const seconds = timeline.elapsed / 1000;
  const speed = `${formatBytes(trip.sent)} there and back in ${seconds.toFixed(2)} s, ${formatBytes(trip.sent / seconds)}/s`;
  const memory = formatBytes(process.resourceUsage().maxRSS * 1024);
  console.log(`OK: the hashes agree. ${speed}; at most ${memory} of memory`);
}

/** Prints where the picture is. The transfer has succeeded, whether the disk has room for its picture or not. */
async function printPicture(path: string, amounts: Amounts, timeline: Timeline): Promise<void> {
  const result = await writePicture(path, amounts.recording, timeline).then(
    () => `${path} (open it in a browser)`,
    (error: unknown) => `not written: ${String(error)}`,
  );
  console.log(`picture ${result}`);
}
