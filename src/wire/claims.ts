/** Claimed fhs, and the numbers of the descriptors behind them. */
const claims = new Map<unknown, Claim>();

/**
 * One wire's claim on an fh. A second wire over the same object or descriptor is refused until the claim is released.
 *
 * Release the claim on a number when its close is requested: from then on the kernel may give the number to another file.
 */
export class Claim {
  readonly #fh: unknown;
  readonly #descriptor: number | undefined;

  /** Takes nothing yet. Throws a `TypeError` when the fh is claimed. */
  constructor(fh: unknown) {
    this.#fh = fh;
    this.#descriptor = descriptorOf(fh);
    this.#check();
  }

  /** Throws a `TypeError` when the fh is claimed. */
  take(): void {
    this.#check();
    claims.set(this.#fh, this);
    if (this.#descriptor !== undefined) claims.set(this.#descriptor, this);
  }

  /** Leaves a later claim on the same number alone. */
  release(): void {
    for (const key of [this.#fh, this.#descriptor]) if (claims.get(key) === this) claims.delete(key);
  }

  #check(): void {
    if (!isClaimed(this.#fh) && !isClaimed(this.#descriptor)) return;
    throw new TypeError(
      "can't create second object for same fh: expected an fh that no stream holds, got one that is in use; close() its stream first",
    );
  }

  /** An object that was closed no longer has its descriptor. */
  holds(key: unknown): boolean {
    return typeof key !== 'number' || descriptorOf(this.#fh) === key;
  }
}

const isClaimed = (key: unknown): boolean => claims.get(key)?.holds(key) === true;

/** The number of an fh that is one, or an open object that has one. */
function descriptorOf(fh: unknown): number | undefined {
  const fd = typeof fh === 'object' && fh !== null ? (fh as { fd?: unknown }).fd : fh;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
