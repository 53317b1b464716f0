import type { Connection } from './connection.ts';

/** Frees the wire at once, without a closing handshake. The kernel still transmits sent bytes; nothing more is received. */
export function drop({ lifetime, closing }: Connection): void {
  if (!lifetime.isFailing) closing.finish('us', undefined, {});
}
