import type { Readable, Writable } from 'node:stream';
import type { LayerDetails } from './signal.ts';

/** An open Node stream, or two that belong together. A direction may be missing. */
export interface OpenStream {
  readonly kind: 'opened';
  readonly readable?: Readable | undefined;
  readonly writable?: Writable | undefined;
  /** Whether the peer answers our end with its own FIN. False for pipes, terminals and files. @default true */
  readonly fin?: boolean | undefined;
  readonly details: LayerDetails;
}

/** Lists each stream once: both directions may be the same stream. */
export function streamsOf({ readable, writable }: Pick<OpenStream, 'readable' | 'writable'>): readonly (Readable | Writable)[] {
  if (!readable || (readable as unknown) === writable) return writable ? [writable] : [];
  return writable ? [readable, writable] : [readable];
}
