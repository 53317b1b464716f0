/**
 * A program that runs in a network namespace. Reads lists of {@link DialRequest} from its input, one JSON array on each line.
 * Connects to all of a list at once, and prints the list of {@link DialOutcome} on one line.
 */
import { createInterface } from 'node:readline';
import { firstValueFrom, takeWhile, toArray } from 'rxjs';
import type { IOStreamError } from '../../src/errors.ts';
import { RESOLVED } from '../../src/events.ts';
import { socks4 } from '../../src/plugins/proxy/socks4.ts';
import { socks5 } from '../../src/plugins/proxy/socks5.ts';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { open } from '../../src/stream/open.ts';
import type { Plugin } from '../../src/wire/signal.ts';
import { ca } from '../support/certificates.ts';

/** One connection to open. */
export interface DialRequest {
  readonly host: string;
  readonly port: number;
  /** The addresses of the host, instead of a lookup. */
  readonly addresses?: readonly { readonly address: string; readonly family: number }[];
  /** Use only addresses of this family. */
  readonly family?: 4 | 6;
  /** A SOCKS proxy that is reached over TLS. */
  readonly proxy?: { readonly version: 4 | 5; readonly host: string; readonly port: number };
  /** Number of bytes to send to an echo. @default 0 */
  readonly echo?: number;
}

/** The result of one connection. */
export interface DialOutcome {
  /** The code of the error; undefined if it was connected. */
  readonly code?: string;
  /** The code of the cause of the error. */
  readonly cause?: string | undefined;
  readonly ms: number;
  readonly ip?: string | undefined;
  readonly resolved?: boolean;
  readonly echoed?: boolean;
}

type Lookup = (name: string, options: object, done: (error: null, addresses: { address: string; family: number }[]) => void) => void;

function pluginsOf({ proxy }: DialRequest): Record<string, Plugin> {
  if (!proxy) return {};
  const { host, port } = proxy;
  const socks = proxy.version === 4 ? socks4({ host, port }) : socks5({ host, port });
  return { socks, ssl: tlsClient({ ca, servername: 'localhost' }) };
}

async function dial(request: DialRequest, all: Promise<unknown>): Promise<DialOutcome> {
  const { host, port, addresses, family = 0, echo = 0 } = request;
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  let resolved = false;
  try {
    const lookup = addresses && { lookup: ((_name, _options, done) => done(null, [...addresses])) satisfies Lookup };
    const onEvent = ({ mask }: { mask: number }): void => void (resolved ||= (mask & RESOLVED) !== 0);
    const io = await open({ host, port, family, plugin: pluginsOf(request), onEvent, ...lookup });
    const ms = elapsed();
    const sent = Buffer.alloc(echo, 'some bytes, and again ');
    io.write(sent);
    let received = 0;
    const chunks$ = io.data$.pipe(
      takeWhile(({ length }) => (received += length) < echo, true),
      toArray(),
    );
    const echoed = echo === 0 || Buffer.concat(await firstValueFrom(chunks$)).equals(sent);
    // Stays open until all others are done, so that it keeps its port in use.
    void all.then(() => io.reset());
    return { ms, ip: io.ip, resolved, echoed };
  } catch (error) {
    const { code, cause } = error as IOStreamError;
    return { code, cause: (cause as NodeJS.ErrnoException | undefined)?.code, ms: elapsed(), resolved };
  }
}

for await (const line of createInterface(process.stdin)) {
  let finish = (_: unknown): void => {};
  const all = new Promise((resolve) => (finish = resolve));
  const outcomes = await Promise.all((JSON.parse(line) as DialRequest[]).map((request) => dial(request, all)));
  finish(outcomes);
  console.log(JSON.stringify(outcomes));
}
