import { map, take, throwError, type Observable } from 'rxjs';
import { IOStreamError, type IOStream, type IOStreamOptions, type PoolCounts, type PoolOptions, type Wire } from 'rxjs-io-stream';
import { ConnectionPool } from '../../src/pool/connection-pool.ts';
import { pool } from '../../src/pool/pool.ts';
import type { Pool } from '../../src/pool/pool-types.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import type { VirtualTime } from '../stream/tools.ts';

export { ConnectionPool };

const refused: Wire = () => () => throwError(() => new IOStreamError('ECONNREFUSED', { phase: 'connect' }));

/** The peers of the connections of a pool, by the number of the dial from 1. */
export interface Peers {
  readonly connect: () => IOStreamOptions;
  readonly peers: IOStream[];
  /** The number of dials. */
  readonly dials: () => number;
}

export interface PeersOptions {
  /** Whether a dial is refused. @default none is */
  readonly refuse?: (dial: number) => boolean;
  /** One-way delay in milliseconds. @default 0 */
  readonly latency?: number;
  /** Called with the peer of each connection. @default answers each chunk `x` with `<dial>:x` */
  readonly serve?: (peer: IOStream, dial: number) => void;
  readonly options?: Partial<IOStreamOptions>;
}

/** Creates the connections of a pool in virtual time. */
export function peersOf(v: VirtualTime, { refuse = () => false, latency = 0, serve = answer, options = {} }: PeersOptions = {}): Peers {
  const peers: IOStream[] = [];
  let dials = 0;
  const connect = (): IOStreamOptions => {
    const dial = (dials += 1);
    if (refuse(dial)) return { wire: refused, scheduler: v.scheduler };
    const [near, far] = memoryPair({ latency });
    const peer = v.stream({ wire: far });
    peers[dial] = peer;
    peer.closed$.subscribe((report) => v.note(`peer ${dial} closed by ${report.by}${report.error ? ` ${codeOf(report.error)}` : ''}`));
    serve(peer, dial);
    return { ...options, wire: near, scheduler: v.scheduler };
  };
  return { connect, peers, dials: () => dials };
}

/** Answers each chunk `x` with `<dial>:x`. */
export function answer(peer: IOStream, dial: number): void {
  peer.data$.subscribe({ next: (bytes) => peer.write(`${dial}:${bytes.toString()}`), error: () => {} });
}

/** Creates a pool in virtual time, and its peers. */
export function pooled(
  v: VirtualTime,
  settings: Partial<PoolOptions<IOStreamOptions, unknown>> = {},
  peersOptions: PeersOptions = {},
): Peers & { db: Pool } {
  const peers = peersOf(v, peersOptions);
  const db = pool({ connect: peers.connect, scheduler: v.scheduler, ...(settings as object) });
  return { ...peers, db };
}

/** A handler that writes a text and emits the first chunk of the reply. */
export const ask =
  (text: string) =>
  (io: IOStream): Observable<string> => {
    io.write(text);
    return io.data$.pipe(
      map((bytes) => bytes.toString()),
      take(1),
    );
  };

/** Notes the values and the end of an Observable. */
export function noteAll(v: VirtualTime, name: string, source$: Observable<unknown>): { unsubscribe(): void } {
  return source$.subscribe({
    next: (value) => v.note(`${name} ${String(value)}`),
    error: (error: unknown) => v.note(`${name} error ${codeOf(error)}`),
    complete: () => v.note(`${name} complete`),
  });
}

export function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? String(error);
}

/** Formats counts: idle, busy, connecting, waiting. */
export function countsText({ idle, busy, connecting, waiting }: PoolCounts): string {
  return `i${idle} b${busy} c${connecting} w${waiting}`;
}
