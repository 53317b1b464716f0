import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls';
import { bufferWhen, mergeMap, Observable, tap, timer, type Subscriber } from 'rxjs';
import { tlsClient, type TlsClientOptions } from '../../src/plugins/tls/tls-client.ts';
import { tlsServer, type TlsServerOptions } from '../../src/plugins/tls/tls-server.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { END, type DataSignal, type Dial, type Flow, type Plugin, type Target, type Up } from '../../src/wire/signal.ts';
import { stack } from '../../src/wire/stack.ts';
import { dialOf, WireDriver } from './wire-driver.ts';
import * as certificates from './certificates.ts';
import type { Harness } from './harness.ts';

export const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
export type Version = (typeof VERSIONS)[number];

export const ROLES = ['client', 'server'] as const;
export type Role = (typeof ROLES)[number];
export const otherOf = (role: Role): Role => (role === 'client' ? 'server' : 'client');

/** One TLS record as it is on the wire: in TLS 1.3 the type of an encrypted one is always that of data. */
export interface TlsRecord {
  readonly type: number;
  readonly length: number;
}

/** The records in a stream of ciphertext; throws when it ends within one. */
export function recordsOf(bytes: Buffer): TlsRecord[] {
  const records: TlsRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const record = { type: bytes.readUInt8(at), length: bytes.readUInt16BE(at + 3) };
    records.push(record);
    at += 5 + record.length;
    if (at > bytes.length) throw new Error(`expected whole records, the last one lacks ${at - bytes.length} bytes`);
  }
  return records;
}

/**
 * Whether the last record may be an alert. In TLS 1.3 only the length tells: two bytes, their inner type and the tag; so data of
 * two bytes looks the same.
 */
export function endsWithAlert(bytes: Buffer, version: Version): boolean {
  const last = recordsOf(bytes).at(-1);
  return version === 'TLSv1.2' ? last?.type === 21 : last?.type === 23 && last.length === 2 + 1 + 16;
}

/** Lies below TLS and records what passes. */
export class Tap {
  readonly down: Flow[] = [];
  readonly up: Up[] = [];
  flow: 'open' | 'complete' | 'error' = 'open';
  /** The most ciphertext that had been given and had not been sent. */
  mostInFlight = 0;
  #inFlight = 0;

  readonly plugin: Plugin = (wire) => (dial) => (flow$) =>
    flow$.pipe(
      tap({
        next: (signal) => this.#down(signal),
        complete: () => (this.flow = 'complete'),
        error: () => (this.flow = 'error'),
      }),
      wire(dial),
      tap((signal) => this.#up(signal)),
    );

  #down(signal: Flow): void {
    this.down.push(signal);
    if (signal.kind !== 'data') return;
    this.#inFlight += signal.bytes.length;
    this.mostInFlight = Math.max(this.mostInFlight, this.#inFlight);
  }

  #up(signal: Up): void {
    this.up.push(signal);
    if (signal.kind === 'sent') this.#inFlight -= signal.bytes;
  }

  /** All ciphertext that went down. */
  get written(): Buffer {
    return bytesOf(this.down);
  }
}

/** Gives what comes up within a few milliseconds in one piece. */
export const inOnePiece: Plugin = (wire) => (dial) => (flow$) =>
  flow$.pipe(
    wire(dial),
    bufferWhen(() => timer(5)),
    mergeMap((signals: readonly Up[]): readonly Up[] => {
      const first = signals.find(({ kind }) => kind === 'data');
      const all: DataSignal = { kind: 'data', bytes: bytesOf(signals) };
      return signals.flatMap((signal): readonly Up[] => (signal === first ? [all] : signal.kind === 'data' ? [] : [signal]));
    }),
  );

/** Lies below TLS and, when told, keeps back what comes up, to give it cut otherwise. */
export class Held {
  #up: Subscriber<Up> | undefined;
  #bytes: Buffer[] | undefined;
  #passed = 0;

  readonly plugin: Plugin = (wire) => (dial) => (flow$) =>
    new Observable<Up>((up) => {
      this.#up = up;
      return flow$.pipe(wire(dial)).subscribe({
        next: (signal) => {
          this.#passed += 1;
          if (!this.#bytes || signal.kind !== 'data') up.next(signal);
          else this.#bytes.push(Buffer.from(signal.bytes));
        },
        error: (error: unknown) => up.error(error),
        complete: () => up.complete(),
      });
    });

  hold(): void {
    this.#bytes = [];
  }

  /** Resolves when nothing has come for some turns. */
  async calm(): Promise<void> {
    for (let before = -1, quiet = 0; quiet < 10; quiet = before === this.#passed ? quiet + 1 : 0, before = this.#passed) await turn();
  }

  /** Gives one more signal up. */
  give(signal: Up): void {
    this.#up?.next(signal);
  }

  /** Gives all that was kept, so many bytes at a time, and the end of the wire, without a tick between. */
  release(cut: number): void {
    const all = Buffer.concat(this.#bytes ?? []);
    for (let at = 0; at < all.length; at += cut) this.#up?.next({ kind: 'data', bytes: all.subarray(at, at + cut) });
    this.#up?.next(END);
  }
}

function bytesOf(signals: readonly (Flow | Up)[]): Buffer {
  return Buffer.concat(signals.filter((signal): signal is DataSignal => signal.kind === 'data').map(({ bytes }) => bytes));
}

/** What a {@link Session} is made with. */
export interface SessionOptions {
  readonly version?: Version | undefined;
  readonly client?: TlsClientOptions | undefined;
  readonly server?: Partial<TlsServerOptions> | undefined;
  /** What lies below TLS, above the tap. */
  readonly below?: Partial<Record<Role, Plugin>> | undefined;
  /** Called with each signal that comes up. */
  readonly seen?: Partial<Record<Role, (signal: Up) => void>> | undefined;
  readonly dial?: Partial<Dial> | undefined;
}

/** A client and a server of ours, joined in memory; the tap of each lies directly below TLS. */
export class Session {
  readonly client: WireDriver;
  readonly server: WireDriver;
  readonly taps: Record<Role, Tap> = { client: new Tap(), server: new Tap() };

  constructor(h: Harness, { version: maxVersion = 'TLSv1.3', below = {}, seen = {}, ...options }: SessionOptions = {}) {
    const [a, b] = memoryPair();
    const plugins = {
      client: tlsClient({ ca: certificates.ca, maxVersion, ...options.client }),
      server: tlsServer({ ...certificates.server, ...options.server }),
    };
    const stackOf = (role: Role): readonly (readonly [string, Plugin])[] => [
      ['seen', (wire) => (dial) => (flow$) => flow$.pipe(wire(dial), tap(seen[role] ?? {}))],
      [role, plugins[role]],
      ['tap', this.taps[role].plugin],
      ['below', below[role] ?? ((wire) => wire)],
    ];
    const dial = { ...dialOf(), to: { host: 'localhost', port: 7 }, ...options.dial };
    this.server = new WireDriver(h, stack(stackOf('server'), b), { ...dial, to: undefined });
    this.client = new WireDriver(h, stack(stackOf('client'), a), dial);
  }

  /** A session that is connected at both ends. */
  static async connected(h: Harness, options?: SessionOptions): Promise<Session> {
    const session = new Session(h, options);
    await Promise.all([session.client.waitFor('connected'), session.server.waitFor('connected')]);
    return session;
  }
}

/**
 * A server of Node's own TLS on loopback. `each` gets the TLS socket, half-open as it comes, and the TCP socket below it, on
 * which a FIN can be sent without close_notify.
 */
export async function nodeTlsServer(
  h: Harness,
  options: TlsOptions,
  each: (socket: TLSSocket, below: Socket) => void = () => {},
): Promise<Target> {
  const tls = createServer({ ...certificates.server, allowHalfOpen: true, ...options }).on('tlsClientError', () => {});
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    h.defer(() => socket.destroy());
    socket.on('error', () => {});
    tls.once(
      'secureConnection',
      h.peer((secure: TLSSocket) =>
        each(
          secure.on('error', () => {}),
          socket,
        ),
      ),
    );
    tls.emit('connection', socket);
  }).listen(0, '127.0.0.1');
  h.defer(() => server.close());
  await once(server, 'listening');
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}
