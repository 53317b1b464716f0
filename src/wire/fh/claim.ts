/** Claims by fh, and by the number of its descriptor. */
const claims = new Map<unknown, Claim>();

/**
 * Reserves an fh for one wire. Until the claim is released, a second claim on the same object or descriptor throws.
 *
 * Release the claim on a number when its close is requested: from then on the kernel may reuse the number for another file.
 */
export class Claim {
  readonly #fh: unknown;
  readonly #descriptor: number | undefined;

  /** Does not claim the fh yet. Throws a `TypeError` if it is claimed. */
  constructor(fh: unknown) {
    this.#fh = fh;
    this.#descriptor = descriptorOf(fh);
    this.#checkIsFree();
  }

  /** Claims the fh. Throws a `TypeError` if it is claimed. */
  acquire(): void {
    this.#checkIsFree();
    claims.set(this.#fh, this);
    if (this.#descriptor !== undefined) claims.set(this.#descriptor, this);
  }

  /** Releases the claim. A later claim on the same number is kept. */
  release(): void {
    for (const key of [this.#fh, this.#descriptor]) if (claims.get(key) === this) claims.delete(key);
  }

  /** Whether the claim still covers a key. A closed object no longer has its descriptor. */
  covers(key: unknown): boolean {
    return typeof key !== 'number' || descriptorOf(this.#fh) === key;
  }

  #checkIsFree(): void {
    if (!isClaimed(this.#fh) && !isClaimed(this.#descriptor)) return;
    throw new TypeError(
      "can't create second object for same fh: expected an fh that no stream uses, got one that is in use; close() its stream first",
    );
  }
}

const isClaimed = (key: unknown): boolean => claims.get(key)?.covers(key) === true;

/** The descriptor number of an fh: the number itself, or the `fd` of an open object. */
function descriptorOf(fh: unknown): number | undefined {
  const fd = typeof fh === 'object' && fh !== null ? (fh as { fd?: unknown }).fd : fh;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
