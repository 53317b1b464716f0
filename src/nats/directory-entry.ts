import { EPROTOCOL, IOStreamError } from '../errors.ts';
import { isObject } from '../util/value-tests.ts';
import type { DirectoryBucketEntry } from './directory-types.ts';

/** What the bucket stores for a session. */
export interface StoredClaim {
  /** Random, to recognize the own entry after an acknowledgement was lost. */
  readonly claim: string;
  readonly value: string;
}

export function encodeClaim({ claim, value }: StoredClaim): string {
  return JSON.stringify({ claim, value });
}

/**
 * @returns undefined for an entry that was removed.
 * @throws IOStreamError EPROTOCOL for an entry that no directory has written.
 */
export function decodeClaim(entry: DirectoryBucketEntry): StoredClaim | undefined {
  if (entry.operation !== 'PUT') return undefined;
  const stored = parsed(new TextDecoder().decode(entry.value));
  if (isObject(stored) && typeof stored.claim === 'string' && typeof stored.value === 'string') return stored as unknown as StoredClaim;
  const message = `expected the bucket to hold entries of a directory only, the one of '${entry.key}' is none; give the directory a bucket of its own`;
  throw new IOStreamError(EPROTOCOL, { phase: 'read', message });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
