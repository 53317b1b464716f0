import { it } from 'vitest';
import type { Harness } from './harness.ts';
import { invariants, type InvariantsOptions } from './invariants.ts';

/** Options of one spec. */
export interface SpecOptions extends InvariantsOptions {
  /** Milliseconds until the spec fails. @default 60_000 */
  readonly timeout?: number | undefined;
}

/** The work of a spec. Lists the columns, because TypeScript does not spread a union of rows after a first parameter. */
type Work<Row extends readonly unknown[]> = Row['length'] extends 2
  ? (h: Harness, a: Row[0], b: Row[1]) => unknown
  : Row['length'] extends 3
    ? (h: Harness, a: Row[0], b: Row[1], c: Row[2]) => unknown
    : Row['length'] extends 4
      ? (h: Harness, a: Row[0], b: Row[1], c: Row[2], d: Row[3]) => unknown
      : (h: Harness, ...row: Row) => unknown;

/** Defines one spec. Its name is a whole sentence that reads alone in a list of failures. */
type Define<Row extends readonly unknown[]> = (name: string, work: Work<Row>, options?: SpecOptions) => void;

interface Spec extends Define<[]> {
  skipIf(condition: unknown): Define<[]>;
  runIf(condition: unknown): Define<[]>;
  /** Defines one spec for each row. An array is spread; `%s`, `%i` and `%j` in the name show its items. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as in vitest: rows of functions need no types of their own
  each<Row extends readonly any[] | readonly [any]>(rows: readonly Row[]): Define<Row>;
  each<T>(rows: readonly T[]): Define<[T]>;
}

/**
 * Defines a spec whose work gets a {@link Harness}. At its end it checks the {@link invariants}: no notification after the end of an
 * Observable, no handle or timer that remains, no error that reached the process.
 *
 * ```ts
 * spec('echoes what was written', async (h) => {
 *   const seen = h.observed(echo$); // subscribes, and records
 *   await seen.ended;
 *   h.sameBytes(seen.values, 'hello');
 * });
 * ```
 */
export const spec: Spec = Object.assign(define(it), {
  skipIf: (condition: unknown) => define(it.skipIf(condition)),
  runIf: (condition: unknown) => define(it.runIf(condition)),
  each:
    (rows: readonly unknown[]) =>
    (name: string, work: (h: Harness, ...row: unknown[]) => unknown, { timeout, ...options }: SpecOptions = {}): void =>
      it.each(rows as unknown[][])(name, (...row) => invariants((h) => work(h, ...row), options)(), timeout),
});

function define(test: (name: string, work: () => unknown, timeout?: number) => void): Define<[]> {
  return (name, work, { timeout, ...options } = {}) => test(name, invariants(work, options), timeout);
}
