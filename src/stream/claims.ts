/** What is taken; an object that has a descriptor leads to it, since it may forget it when it is closed. */
const claimed = new Map<unknown, number | undefined>();

/**
 * Takes an fh for one stream. A second stream over the same object or descriptor is refused, as the manual says, until the
 * first one gives it back.
 */
export function claim(fh: unknown): void {
  const fd = typeof fh === 'object' && fh !== null ? (fh as { fd?: unknown }).fd : undefined;
  const descriptor = typeof fd === 'number' && fd >= 0 ? fd : undefined;
  if (claimed.has(fh) || (descriptor !== undefined && claimed.has(descriptor))) {
    throw new TypeError(
      "can't create second object for same fh: expected an fh that no stream holds, got one that is in use; close() its stream first",
    );
  }
  claimed.set(fh, descriptor);
  if (descriptor !== undefined) claimed.set(descriptor, undefined);
}

/** Gives back what was taken. */
export function release(fh: unknown): void {
  const descriptor = claimed.get(fh);
  claimed.delete(fh);
  if (descriptor !== undefined) claimed.delete(descriptor);
}
