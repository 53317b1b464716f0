import type { Readable, Writable } from 'node:stream';
import type { Unsubscribable } from 'rxjs';
import type { Dial, LayerDetails, ResolvedSignal } from './signal.ts';

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

/** Receives the stream that {@link Open} opens, or why it cannot be opened. */
export interface OpeningTarget {
  /** Whether the connection has ended: a stream would be of no use. */
  readonly isFreed: boolean;
  resolved(signal: ResolvedSignal): void;
  opened(stream: OpenStream): void;
  failed(error: unknown): void;
}

/**
 * Opens a stream for `target`. Returns what frees all that it holds; called when the connection ends. It is called although the
 * connection may have ended, since a stream that is open must be freed.
 */
export type Open = (dial: Dial, target: OpeningTarget) => Unsubscribable | undefined;

/** Lists each stream once: both directions may be the same stream. */
export function streamsOf({ readable, writable }: StreamPair): readonly (Readable | Writable)[] {
  if (!readable || (readable as unknown) === writable) return writable ? [writable] : [];
  return writable ? [readable, writable] : [readable];
}
