import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { Observable } from 'rxjs';
import { assertSameBytes, type Bytes } from './assert-same-bytes.ts';
import { assertError, faultsOf, type ErrorFacts } from './error-facts.ts';
import { ObserverSpy } from './observer-spy.ts';

const CONNECTED = 2;

/** The parts of a stream that the harness watches. */
export interface WatchedStream {
  readonly events$: Observable<{ readonly mask: number }>;
  readonly errors$: Observable<unknown>;
  readonly closed$: Observable<unknown>;
}

/** One call of a `cb`. */
export interface RecordedCall {
  readonly mask: number;
  readonly error: unknown;
}

/**
 * Passed to each `spec`: records what the work does, and checks it at the end.
 *
 * - `observed(source$)` subscribes at once and records all notifications. Results have `values`, `state`, `ended` and `value()`.
 * - `watch(io)` and `cb()` record the events and errors of a stream.
 * - `peer(callback)` wraps a callback of the other side: its errors fail the spec.
 * - `defer(cleanup)` frees something at the end. `until(condition)` waits for up to 15 seconds.
 * - `sameBytes`, `error` and `secret` are assertions.
 *
 * See `invariants` for the checks.
 */
export class Harness {
  readonly #secrets: string[] = [];
  readonly #spies: ObserverSpy<never>[] = [];
  readonly #errors: unknown[] = [];
  readonly #peerErrors: unknown[] = [];
  readonly #checks: (() => string[])[] = [];
  readonly #cleanups: (() => unknown)[] = [];

  /** Subscribes at once, and records all notifications. Unsubscribes at the end of the spec. */
  observed<T>(source$: Observable<T>, name = 'the Observable'): ObserverSpy<T> {
    const spy = new ObserverSpy(source$, name);
    this.#spies.push(spy as unknown as ObserverSpy<never>);
    return spy;
  }

  /**
   * Records the events, errors and report of a stream. `events$`, `errors$` and `closed$` must not error, `closed$` must emit at most
   * one report, and no CONNECTED may follow a fatal error. Counts as a subscriber of `errors$`.
   */
  watch(io: WatchedStream): { events: ObserverSpy<{ readonly mask: number }>; errors: ObserverSpy<unknown>; closed: ObserverSpy<unknown> } {
    const calls = this.#calls('events$');
    const events = new ObserverSpy(io.events$, 'events$', ({ mask }) => calls.add(mask, undefined));
    const errors = new ObserverSpy(io.errors$, 'errors$', (error) => calls.add(0, error));
    const closed = new ObserverSpy(io.closed$, 'closed$');
    for (const each of [events, errors, closed]) this.#spies.push(each as unknown as ObserverSpy<never>);
    this.#checks.push(() => [
      ...[events, errors, closed].filter((each) => each.state === 'error').map(() => 'events$, errors$ or closed$ of a stream errored'),
      ...(closed.values.length > 1 ? [`closed$ emitted ${closed.values.length} reports`] : []),
    ]);
    return { events, errors, closed };
  }

  /** Creates a `cb` that records its calls in `calls`, then calls `then`. */
  cb<I>(
    then: (io: I, mask: number, error?: unknown) => void = () => {},
  ): ((io: I, mask: number, error?: unknown) => void) & { readonly calls: readonly RecordedCall[] } {
    const { add, calls } = this.#calls('cb');
    const cb = (io: I, mask: number, error?: unknown): void => {
      add(mask, error);
      then(io, mask, error);
    };
    return Object.assign(cb, { calls });
  }

  /** Adds secrets: no recorded error may contain any of these texts, or their Base64. */
  secret(...texts: readonly string[]): void {
    this.#secrets.push(...texts, ...texts.map((text) => Buffer.from(text).toString('base64')));
  }

  /** Throws unless the error has the expected fields and a phase, and contains no secret. */
  error(error: unknown, expected: ErrorFacts = {}): void {
    this.#errors.push(error);
    assertError(error, expected, this.#secrets);
  }

  /** Throws unless both are the same bytes, however they are cut. */
  sameBytes(received: Bytes, expected: Bytes): void {
    assertSameBytes(received, expected);
  }

  /** Wraps a callback of a scripted peer: an error that it throws fails the spec. */
  peer<A extends unknown[], R>(work: (...args: A) => R): (...args: A) => R | undefined {
    return (...args) => {
      try {
        const result = work(...args);
        if (result instanceof Promise) return result.catch((error: unknown) => void this.#peerErrors.push(error)) as R;
        return result;
      } catch (error) {
        this.#peerErrors.push(error);
        return undefined;
      }
    };
  }

  /** Runs `cleanup` at the end of the spec, before the checks. The last cleanup runs first. */
  defer(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  /** Waits until `passes` returns true; throws after 15 seconds, with `what` in the message. */
  async until(passes: () => boolean, what = passes.toString()): Promise<void> {
    const end = performance.now() + 15_000;
    for (let round = 0; !passes(); round += 1) {
      if (performance.now() > end) throw new Error(`expected within 15 s: ${what}`);
      await (round < 100 ? turn() : wait(1));
    }
  }

  /** @internal Unsubscribes, then runs the cleanups. */
  async finish(): Promise<void> {
    for (const spy of this.#spies) spy.unsubscribe();
    for (let cleanup = this.#cleanups.pop(); cleanup; cleanup = this.#cleanups.pop()) await cleanup();
  }

  /** @internal Returns the violations, one sentence each. */
  violations(): string[] {
    const errors = [...this.#errors, ...this.#spies.flatMap((each) => (each.state === 'error' ? [each.error] : []))];
    return [
      ...this.#spies.flatMap((each) => each.violations),
      ...this.#checks.flatMap((check) => check()),
      ...errors.flatMap((error) => faultsOf(error, this.#secrets)),
      ...this.#peerErrors.map((error) => `the peer threw ${inspect(error)}`),
    ];
  }

  #calls(name: string): { calls: RecordedCall[]; add(mask: number, error: unknown): void } {
    const calls: RecordedCall[] = [];
    let failed = false;
    const faults: string[] = [];
    this.#checks.push(() => faults);
    const add = (mask: number, error: unknown): void => {
      calls.push({ mask, error });
      if (error !== undefined) this.#errors.push(error);
      // Errors that do not close a stream may occur at any time. No CONNECTED may follow one that does.
      failed ||= error !== undefined && (error as { fatal?: unknown }).fatal !== false;
      if (failed && (mask & CONNECTED) !== 0) faults.push(`${name} reported CONNECTED in or after a fatal error`);
    };
    return { calls, add };
  }
}
