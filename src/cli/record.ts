import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { fromEvent, lastValueFrom, merge, noop, Subject, switchMap, takeUntil, tap } from 'rxjs';
import { connect, listen, relay, tlsClient } from '../index.ts';
import { record as recorderOf, type Recording } from '../testing.ts';
import { parseCommand, UsageError } from './usage.ts';
import { writePrivate } from './write-private.ts';

const FLAG = { type: 'boolean', default: false } as const;
const TEXT = { type: 'string' } as const;
const OPTIONS = { listen: TEXT, to: TEXT, tls: FLAG, ca: TEXT, limit: TEXT, once: FLAG, force: FLAG } as const;

/** Forwards connections to a target, and writes a recording of each. Resolves after Ctrl-C, or with `--once` after the first one. */
export async function record(args: readonly string[]): Promise<void> {
  const { file, values } = parseCommand(args, OPTIONS);
  const [from, to] = [addressOf('--listen', values.listen, '127.0.0.1'), addressOf('--to', values.to)];
  const { ca, limit, tls, once, force } = values;
  if (ca !== undefined && !tls) throw new UsageError('expected --tls with --ca, got --ca alone');
  if (!force && existsSync(file)) throw new UsageError(`expected a FILE that does not exist, or --force, got '${file}'`);
  // Known now, and not after an hour of recording.
  accessSync(dirname(file), constants.W_OK);

  const written$ = new Subject<void>();
  let count = 0;
  const sink = (recording: Recording): void => {
    do count += 1;
    while (!force && existsSync(numbered(file, count)));
    write(numbered(file, count), recording);
    if (once) written$.next();
  };
  const layer = recorderOf({
    sink,
    limit: limit === undefined ? undefined : limitOf(limit),
    around: tls ? tlsClient({ ca: ca === undefined ? undefined : readFileSync(ca) }) : undefined,
  });
  const plugin = { [tls ? 'tls' : 'recorder']: layer };
  const server$ = listen({ ...from, allowHalfOpen: true }, (client) => connect({ ...to, plugin }, (target) => relay(client, target)));
  const interrupted$ = merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM'));
  // npm passes Ctrl-C on to a program that has got it from the terminal: the second one must not end it while it writes.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, noop);
  await lastValueFrom(
    server$.pipe(
      tap((server) => {
        const { address, port } = server.address as AddressInfo;
        console.error('The recordings contain everything that passes, passwords too.');
        console.log(
          `listening on ${textOf({ host: address, port })}, forwarding to ${textOf(to)}${tls ? ' over TLS' : ''}; Ctrl-C ends it`,
        );
      }),
      switchMap(({ errors$ }) => errors$),
      tap((error) => console.error(error instanceof Error ? error.message : String(error))),
      takeUntil(merge(interrupted$, written$)),
    ),
    { defaultValue: undefined },
  );
}

interface Address {
  readonly host: string;
  readonly port: number;
}

const textOf = ({ host, port }: Address): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);

/** Writes a recording so that only its owner may read it. */
function write(path: string, recording: Recording): void {
  try {
    writePrivate(path, String(recording));
    console.log(`${path}: ${recording.entries.length} signals${recording.cut ? ', cut at the limit' : ''}`);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}

/** Returns the name of a recording: `failure.txt`, then `failure-2.txt`. */
function numbered(file: string, count: number): string {
  return count === 1 ? file : file.replace(/(\.[^./\\]*)?$/, (extension) => `-${count}${extension}`);
}

/** Parses `HOST:PORT`, with IPv6 addresses in brackets. @param defaultHost accepts a port alone. */
function addressOf(option: string, text: string | undefined, defaultHost?: string): Address {
  const [, inBrackets, name, digits = ''] = /^(?:(?:\[([\da-f:.%]+)\]|([^\s:[\]]+)):)?(\d{1,5})$/i.exec(text ?? '') ?? [];
  const host = inBrackets ?? name ?? defaultHost;
  const port = Number(digits);
  if (host === undefined || digits === '' || port > 65_535)
    throw new UsageError(
      `expected ${option} ${defaultHost ? '[HOST:]PORT' : 'HOST:PORT'}, got ${text === undefined ? 'none' : `'${text}'`}`,
    );
  return { host, port };
}

function limitOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`expected --limit to be a number of bytes, got '${text}'`);
  return Number(text);
}
