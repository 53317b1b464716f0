/** Marks the options of accepted streams. Nothing accepts sockets here: see `is-accepted.ts` for Node. */
export const IS_ACCEPTED: unique symbol = Symbol('rxjs-io-stream accepted');

/** Returns false. */
export function isAccepted(_options: unknown): boolean {
  return false;
}
