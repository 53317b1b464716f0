/**
 * A program for a namespace: reads what to dial from its input, a list (JSON) a line, dials all of a list at once, and prints what
 * came of each, a line for a line.
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

/** One thing to do: dial, and get `echo` bytes back. */
export interface Dialling {
  readonly host: string;
  readonly port: number;
  /** The addresses of the host, instead of those that a resolver knows. */
  readonly addresses?: readonly { readonly address: string; readonly family: number }[];
  /** Addresses of this family only. */
  readonly family?: 4 | 6;
  /** A SOCKS proxy to go by, which speaks TLS. */
  readonly via?: { readonly version: 4 | 5; readonly host: string; readonly port: number };
  /** Bytes to send and to get back. @default 0 */
  readonly echo?: number;
}

/** What came of it. */
export interface Dialled {
  /** The code of the error; none when it was connected. */
  readonly code?: string;
  /** The code of its cause. */
  readonly cause?: string | undefined;
  readonly ms: number;
  readonly ip?: string | undefined;
  readonly resolved?: boolean;
  readonly echoed?: boolean;
}

type Lookup = (name: string, options: object, done: (error: null, addresses: { address: string; family: number }[]) => void) => void;

function pluginsOf({ via }: Dialling): Record<string, Plugin> {
  if (!via) return {};
  const { host, port } = via;
  const socks = via.version === 4 ? socks4({ host, port }) : socks5({ host, port });
  return { socks, ssl: tlsClient({ ca, servername: 'localhost' }) };
}

async function dial(dialling: Dialling, all: Promise<unknown>): Promise<Dialled> {
  const { host, port, addresses, family = 0, echo = 0 } = dialling;
  const begun = performance.now();
  const elapsed = (): number => performance.now() - begun;
  let resolved = false;
  try {
    const lookup = addresses && { lookup: ((_name, _options, done) => done(null, [...addresses])) satisfies Lookup };
    const onEvent = ({ mask }: { mask: number }): void => void (resolved ||= (mask & RESOLVED) !== 0);
    const io = await open({ host, port, family, plugin: pluginsOf(dialling), onEvent, ...lookup });
    const ms = elapsed();
    const sent = Buffer.alloc(echo, 'some bytes, and again ');
    io.write(sent);
    let received = 0;
    const chunks$ = io.data$.pipe(
      takeWhile(({ length }) => (received += length) < echo, true),
      toArray(),
    );
    const echoed = echo === 0 || Buffer.concat(await firstValueFrom(chunks$)).equals(sent);
    // Held until every other one is through: a port that is in use is in use.
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
  const outcomes = await Promise.all((JSON.parse(line) as Dialling[]).map((dialling) => dial(dialling, all)));
  finish(outcomes);
  console.log(JSON.stringify(outcomes));
}
