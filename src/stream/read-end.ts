import type { Subscriber } from 'rxjs';

/** How reading ended: at EOF or by our close (neither field), by an error, or because the stream's owner unsubscribed. */
export type ReadEnd = { readonly error?: unknown; readonly unsubscribed?: true };

/** The owner has unsubscribed: remaining readers get no notification, so that truncated data never looks complete. */
export const UNSUBSCRIBED: ReadEnd = { unsubscribed: true };

/** Ends a reader as the stream ended. */
export function endReader(reader: Subscriber<never>, end: ReadEnd): void {
  if (end.unsubscribed) reader.unsubscribe();
  else if ('error' in end) reader.error(end.error);
  else reader.complete();
}
