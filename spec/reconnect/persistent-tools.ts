import { throwError } from 'rxjs';
import { IOStreamError, type IOStream, type IOStreamOptions, type Wire } from 'rxjs-io-stream';
import type { Persistent, PersistentOptions, UnsentReport } from '../../src/reconnect/persistent-types.ts';
import { persistent } from '../../src/reconnect/persistent.ts';
import { memoryPair, type MemoryPairOptions } from '../../src/testing/memory/memory-pair.ts';
import type { VirtualTime } from '../stream/tools.ts';

export const refusing: Wire = () => () => throwError(() => new IOStreamError('ECONNREFUSED', { phase: 'connect' }));

export interface TargetOptions {
  /** Whether an attempt is refused. @default none is */
  readonly refuse?: ((attempt: number) => boolean) | undefined;
  readonly pair?: MemoryPairOptions;
  readonly options?: Partial<IOStreamOptions>;
}

/** Creates the target of a persistent stream on a virtual clock, and the peer of each attempt. Notes the bytes that a peer receives. */
export function targetWithPeers(
  v: VirtualTime,
  { refuse = () => false, pair = {}, options = {} }: TargetOptions,
  format: (text: string) => string = (text) => text,
): { target: (attempt: number) => IOStreamOptions; peers: IOStream[] } {
  const peers: IOStream[] = [];
  const target = (attempt: number): IOStreamOptions => {
    if (refuse(attempt)) return { wire: refusing, scheduler: v.scheduler };
    const [near, far] = memoryPair(pair);
    const peer = v.stream({ wire: far });
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
  p.status$.subscribe({
    next: (status) => {
      const error = 'error' in status ? ` ${(status.error as IOStreamError).code}` : '';
      v.note(`${status.state} ${status.attempt}${error}${status.state === 'waiting' ? ` ${status.delay}` : ''}`);
    },
    complete: () => v.note('complete'),
  });
  p.unsent$.subscribe((report) => v.note(summaryOf(report)));
  return { p, peers };
}

function summaryOf({ attempt, error, writes }: UnsentReport): string {
  const each = writes.map(({ data, length, sent, written, kept }) => {
    const name = typeof data === 'string' && data.length < 20 ? data : `${length} bytes`;
    return `${name} ${sent}-${written}${kept ? ' kept' : ''}`;
  });
  const { code = '' } = (error ?? {}) as { code?: string };
  return `unsent ${attempt}${code && ` ${code}`}: ${each.join(', ')}`;
}
