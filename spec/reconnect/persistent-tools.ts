import { defer, throwError } from 'rxjs';
import { IOStreamError, type IOStream, type IOStreamOptions, type Wire } from 'rxjs-io-stream';
import type { Persistent, PersistentOptions, UnsentReport } from '../../src/reconnect/persistent-types.ts';
import { persistent } from '../../src/reconnect/persistent.ts';
import { memoryPair, type MemoryPairOptions } from '../../src/testing/memory/memory-pair.ts';
import type { Options, VirtualTime } from '../stream/tools.ts';

export const refusing: Wire = () => () => throwError(() => new IOStreamError('ECONNREFUSED', { phase: 'connect' }));

export interface TargetOptions {
  /** Whether an attempt is refused. @default none is */
  readonly refuse?: ((attempt: number) => boolean) | undefined;
  readonly pair?: MemoryPairOptions;
  readonly options?: Partial<IOStreamOptions>;
  /** The options of the peers. */
  readonly peer?: Options;
}

/** Creates the target of a persistent stream on a virtual clock, and the peer of each attempt. Notes the bytes that a peer receives. */
export function targetWithPeers(
  v: VirtualTime,
  { refuse = () => false, pair = {}, options = {}, peer: peerOptions = {} }: TargetOptions,
  format: (text: string) => string = (text) => text,
): { target: (attempt: number) => IOStreamOptions; peers: IOStream[] } {
  const peers: IOStream[] = [];
  const target = (attempt: number): IOStreamOptions => {
    if (refuse(attempt)) return { wire: refusing, scheduler: v.scheduler };
    const [near, far] = memoryPair(pair);
    const peer = v.stream({ ...peerOptions, wire: far });
    peers[attempt] = peer;
    peer.data$.subscribe({ next: (bytes) => v.note(`peer ${attempt}: ${format(bytes.toString())}`), error: () => {} });
    return { ...options, wire: near, scheduler: v.scheduler };
  };
  return { target, peers };
}

/** Creates a persistent stream on a virtual clock, and the peers of its attempts. Notes its status and its reports, too. */
export function notedPersistent(
  v: VirtualTime,
  settings: PersistentOptions = {},
  targetOptions: TargetOptions = {},
): { p: Persistent; peers: IOStream[] } {
  const { target, peers } = targetWithPeers(v, targetOptions);
  const p = persistent(target, { jitter: 0, scheduler: v.scheduler, ...settings });
  noteStatus(v, p);
  p.unsent$.subscribe((report) => v.note(summaryOf(report)));
  return { p, peers };
}

/** Notes each state with its attempt, the `Name` of its target, the code of its error, and its delay. */
export function noteStatus(v: VirtualTime, p: Persistent): void {
  p.status$.subscribe({
    next: ({ state, attempt, target, error, delay }) => {
      const { Name } = (target ?? {}) as { Name?: string };
      const { code } = (error ?? {}) as { code?: string };
      v.note([state, attempt, Name, code, delay].filter((each) => each !== undefined).join(' '));
    },
    complete: () => v.note('complete'),
  });
}

/** A target with a `Name`. Each attempt gets a peer of its own. */
export interface NamedTarget {
  readonly target: IOStreamOptions;
  readonly peers: IOStream[];
}

/** Creates a target with a `Name` on a virtual clock. It refuses while `isDown` returns true. */
export function namedTarget(v: VirtualTime, Name: string, isDown: () => boolean = () => false): NamedTarget {
  const peers: IOStream[] = [];
  const wire: Wire = (dial) => (flow$) =>
    defer(() => {
      if (isDown()) return refusing(dial)(flow$);
      const [near, far] = memoryPair();
      const peer = v.stream({ wire: far });
      peers.push(peer);
      peer.data$.subscribe({ next: (bytes) => v.note(`${Name}: ${bytes.toString()}`), error: () => {} });
      return near(dial)(flow$);
    });
  return { target: { wire, scheduler: v.scheduler, Name } as IOStreamOptions, peers };
}

function summaryOf({ attempt, error, writes }: UnsentReport): string {
  const each = writes.map(({ data, length, sent, written, kept }) => {
    const name = typeof data === 'string' && data.length < 20 ? data : `${length} bytes`;
    return `${name} ${sent}-${written}${kept ? ' kept' : ''}`;
  });
  const { code = '' } = (error ?? {}) as { code?: string };
  return `unsent ${attempt}${code && ` ${code}`}: ${each.join(', ')}`;
}
