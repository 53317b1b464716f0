import { ownOptions } from '../util/own-options.ts';

/** The result of `drain`. A server counts its connections, a pool its uses. */
export interface DrainReport {
  /** How many ended by themselves. */
  readonly finished: number;
  /** How many were reset at the deadline. */
  readonly cut: number;
}

/** The options of `drain`. */
export interface DrainOptions {
  /** Milliseconds until the remaining connections are reset; Infinity waits forever. */
  readonly deadline: number;
}

/**
 * Returns the deadline in milliseconds.
 *
 * @throws TypeError for a wrong deadline.
 */
export function checkDeadline(options: DrainOptions): number {
  const { deadline } = ownOptions(options, 'drain', ['deadline']);
  if (typeof deadline === 'number' && deadline >= 0) return deadline;
  throw new TypeError(`expected \`deadline\` to be milliseconds, 0 or more, got ${String(deadline)}`);
}
