import type { LayerDetails } from './signal.ts';

/**
 * Adds the handle to the details of a wire. It is not enumerable, so that printing or copying the details shows the facts, not a
 * whole socket.
 */
export function wireDetails(facts: LayerDetails, handle: unknown): LayerDetails {
  return Object.defineProperty(facts, 'handle', { value: handle });
}
