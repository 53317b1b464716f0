let last = 0;

/** Returns the number of the next connection: 1, 2, 3 … in this process. Logs, recordings and diagnostics carry it. */
export function nextConnectionId(): number {
  return (last += 1);
}
