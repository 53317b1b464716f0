import type { Readable, Writable } from 'node:stream';
import type { LayerDetails } from './signal.ts';

/** The two directions of a connection as Node streams. Mostly both are the same stream. A direction may be missing. */
export interface StreamPair {
  readonly readable?: Readable | undefined;
  readonly writable?: Writable | undefined;
  /** Whether the peer answers our end with its own FIN. False for pipes, terminals and files. @default true */
  readonly fin?: boolean | undefined;
}

/** The signal that streams are open. */
export interface OpenStream extends StreamPair {
  readonly kind: 'opened';
  readonly details: LayerDetails;
}

/** Lists each stream once: both directions may be the same stream. */
export function streamsOf({ readable, writable }: StreamPair): readonly (Readable | Writable)[] {
  if (!readable || (readable as unknown) === writable) return writable ? [writable] : [];
  return writable ? [readable, writable] : [readable];
}
