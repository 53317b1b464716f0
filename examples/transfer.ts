/**
 * Sends a file through a stack of plugins to an echo server, and checks that the same bytes come back. The stack is TLS, an HTTP
 * proxy and a SOCKS proxy for the embedded server, or a custom cipher for your server.
 *
 *   npm start -- --help
 */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { defer, finalize, fromEvent, lastValueFrom, map, takeUntil, tap } from 'rxjs';
import { IOStream } from 'rxjs-io-stream';
import { cipher } from './transfer/cipher.ts';
import { embedded } from './transfer/embedded.ts';
import { explain, Failure, type Situation } from './transfer/failure.ts';
import { count, mib } from './transfer/format.ts';
import { HELP, parseOptions, type Options } from './transfer/options.ts';
import { showProgress } from './transfer/progress.ts';
import { roundTrip } from './transfer/round-trip.ts';
import { ownFile, temporaryFile } from './transfer/source-file.ts';
import { Timeline } from './transfer/timeline.ts';

const stop = new AbortController();
let situation: Situation = {};

async function transfer(options: Options): Promise<void> {
  const file = await (options.file === undefined ? temporaryFile(options.size, stop.signal) : ownFile(options.file));
  const timeline = new Timeline();
  const { host, port, plugin, close } = options.to
    ? { ...options.to, plugin: { cipher: cipher(randomBytes(32)) }, close: () => {} }
    : await embedded((layer, meaning) => timeline.note(layer, meaning));
  const to = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  situation = { to, size: file.size };
  console.log(`file    ${file.words}`);
  console.log(`server  ${to}${options.to ? '' : ' (embedded, as the proxies are)'}`);
  console.log(
    `stack   file ⇄ ${Object.keys(plugin).join(' ⇄ ')}${options.to ? ' (a plugin of our own) ⇄ tcp' : ''}; the way sees ciphered bytes only\n`,
  );

  const trip$ = defer(() => {
    stop.signal.throwIfAborted();
    const io = new IOStream({ host, port, plugin, timeouts: { connect: 10_000, idle: 30_000 } });
    timeline.follow(io);
    return roundTrip(io, createReadStream(file.path)).pipe(finalize(() => io.reset()));
  });
  const stopped$ = fromEvent(stop.signal, 'abort').pipe(map(() => stop.signal.throwIfAborted()));
  const trip = await lastValueFrom(
    trip$.pipe(
      tap(({ back }) => (situation = { ...situation, back })),
      showProgress(file.size),
      takeUntil(stopped$),
    ),
  ).finally(() => {
    close();
    console.log(`${String(timeline)}\n`);
  });

  const [sent, back] = [trip.sentHash(), trip.backHash()];
  console.log(`sent    ${count(trip.sent, 'byte')}, SHA-256 ${sent}`);
  console.log(`back    ${count(trip.back, 'byte')}, SHA-256 ${back}\n`);
  if (sent !== back) {
    const hints = {
      '-1': 'check that the server goes on echoing after our end (half-close)',
      0: 'check what changes bytes on the way',
      1: 'check that this is an echo server: it adds bytes',
    };
    const hint = hints[Math.sign(trip.back - trip.sent) as -1 | 0 | 1];
    throw new Failure(`${count(trip.sent, 'byte')} with SHA-256 ${sent}`, `${count(trip.back, 'byte')} with SHA-256 ${back}`, hint);
  }
  const seconds = timeline.elapsed / 1000;
  const memory = mib(process.resourceUsage().maxRSS * 1024);
  console.log(
    `OK: the hashes agree. ${mib(trip.sent)} there and back in ${seconds.toFixed(2)} s, ${mib(trip.sent / seconds)}/s; at most ${memory} of memory`,
  );
}

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => stop.abort(new Failure('the transfer to go on to its end', name, 'start it again; nothing is left behind')));
}
// The reader of stdout may exit early (`npm start | head`). The transfer continues.
process.stdout.on('error', () => {});
try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) console.log(HELP);
  else await transfer(options);
} catch (error) {
  console.error(explain(error, situation).message);
  process.exitCode = 1;
}
