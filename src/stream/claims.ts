const claimed = new Set<unknown>();

/**
 * Takes an fh for one stream; the result gives it back. A second stream over the same object or descriptor is refused, as the
 * manual says, until the first one is closed.
 */
export function claim(fh: unknown): () => void {
  const descriptor = typeof fh === 'object' && fh !== null ? (fh as { fd?: unknown }).fd : undefined;
  const keys = typeof descriptor === 'number' && descriptor >= 0 ? [fh, descriptor] : [fh];
  if (keys.some((key) => claimed.has(key))) {
    throw new TypeError(
      "can't create second object for same fh: expected an fh that no stream holds, got one that is in use; close() its stream first",
    );
  }
  for (const key of keys) claimed.add(key);
  return () => {
    for (const key of keys) claimed.delete(key);
  };
}
