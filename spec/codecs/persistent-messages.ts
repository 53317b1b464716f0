import type { Observable } from 'rxjs';
import { targetWithPeers } from '../reconnect/persistent-tools.ts';
import { lines } from '../../src/codecs/lines.ts';
import type { Persistent, PersistentOptions } from '../../src/reconnect/persistent-types.ts';
import { persistent } from '../../src/reconnect/persistent.ts';
import type { IOStream, IOStreamOptions } from '../../src/stream/io-stream.ts';
import type { Options, VirtualTime } from '../stream/tools.ts';

export const codec = lines({ maxLength: 64 });

export interface Scene {
  readonly line: Persistent;
  /** The other end of the connection of each attempt. */
  readonly peers: IOStream[];
  /** Notes messages, and their end. */
  readonly note: (name: string, messages$: Observable<unknown>) => void;
}

/** Creates a persistent stream on a virtual clock that redials after 100 ms. Notes the lines that the peers receive. */
export function scene(
  v: VirtualTime,
  settings: PersistentOptions = {},
  { refuse = -1, options = {}, peer = {} }: { refuse?: number; options?: Partial<IOStreamOptions>; peer?: Options } = {},
): Scene {
  const { target, peers } = targetWithPeers(v, { refuse: (attempt) => attempt === refuse, options, peer }, (text) =>
    text.trim().replaceAll('\n', ' '),
  );
  const line = persistent(target, { jitter: 0, factor: 1, scheduler: v.scheduler, ...settings });
  const note: Scene['note'] = (name, messages$) => {
    messages$.subscribe({
      next: (message) => v.note(`${name}: ${typeof message === 'string' ? message : JSON.stringify(message)}`),
      error: (error: unknown) => v.note(`${name}: ${(error as { code?: string }).code ?? String(error)}`),
      complete: () => v.note(`${name}: complete`),
    });
  };
  return { line, peers, note };
}
