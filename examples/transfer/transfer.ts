import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { defer, finalize, fromEvent, lastValueFrom, map, takeUntil, tap } from 'rxjs';
import { IOStream, type Plugin } from 'rxjs-io-stream';
import { formatBytes, formatCount } from '../support/format.ts';
import { showProgress } from '../support/progress-bar.ts';
import { cipher } from './cipher.ts';
import { embedded } from './embedded.ts';
import { explain, Failure } from './failure.ts';
import type { Options } from './options.ts';
import { roundTrip, type RoundTrip } from './round-trip.ts';
import { ownFile, temporaryFile, type SourceFile } from './source-file.ts';
import { Timeline } from './timeline.ts';

/** The echo server of the transfer, and the plugins to reach it. */
interface Server {
  readonly host: string;
  readonly port: number;
  readonly plugin: Readonly<Record<string, Plugin>>;
  readonly close: () => void;
}

/**
 * Sends a file to an echo server and compares what comes back. Prints each step.
 *
 * @param signal Aborts the transfer with its reason.
 * @throws Failure that explains what happened and what to do.
 */
export async function transfer(options: Options, signal: AbortSignal): Promise<void> {
  const file = await (options.file === undefined ? temporaryFile(options.size, signal) : ownFile(options.file));
  const timeline = new Timeline();
  const server = options.to
    ? { ...options.to, plugin: { cipher: cipher(randomBytes(32)) }, close: () => {} }
    : await embedded((layer, meaning) => timeline.note(layer, meaning));
  printPlan(file, server, options.to === undefined);
  const trip = await send(file, server, timeline, signal);
  printResult(trip, timeline);
}

const addressOf = ({ host, port }: Server): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);

function printPlan({ description }: SourceFile, server: Server, isEmbedded: boolean): void {
  const layers = Object.keys(server.plugin).join(' ⇄ ');
  console.log(`file    ${description}`);
  console.log(`server  ${addressOf(server)}${isEmbedded ? ' (embedded, as the proxies are)' : ''}`);
  console.log(`stack   file ⇄ ${layers}${isEmbedded ? '' : ' (a plugin of our own) ⇄ tcp'}; the proxies see ciphertext only\n`);
}

/** Sends the file with a progress bar, and prints the timeline at the end. */
async function send({ path, size }: SourceFile, server: Server, timeline: Timeline, signal: AbortSignal): Promise<RoundTrip> {
  const { host, port, plugin, close } = server;
  let bytesBack = 0;
  const trip$ = defer(() => {
    signal.throwIfAborted();
    const io = new IOStream({ host, port, plugin, timeouts: { connect: 10_000, idle: 30_000 } });
    timeline.follow(io);
    return roundTrip(io, createReadStream(path)).pipe(finalize(() => io.reset()));
  });
  const aborted$ = fromEvent(signal, 'abort').pipe(map(() => signal.throwIfAborted()));
  try {
    return await lastValueFrom(
      trip$.pipe(
        tap(({ back }) => {
          bytesBack = back;
        }),
        showProgress(({ sent, back }) => ({ value: back, total: size, note: `sent ${formatBytes(sent)} | back ` })),
        takeUntil(aborted$),
      ),
    );
  } catch (error) {
    throw explain(error, { to: addressOf(server), size, back: bytesBack });
  } finally {
    close();
    console.log(`${String(timeline)}\n`);
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
