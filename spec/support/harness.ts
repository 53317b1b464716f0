import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { Observable } from 'rxjs';
import { onTestFinished } from 'vitest';
import { assertSameBytes, type Bytes } from './assert-same-bytes.ts';
import { assertError, faultsOf, type ErrorFacts } from './error-facts.ts';
import { ObserverSpy } from './observer-spy.ts';
import { ProcessEvents } from './process-events.ts';
import { Resources } from './resources.ts';

const CONNECTED = 2;

/** What {@link invariants} is told besides the work. */
export interface InvariantsOptions {
  /** V9: after the end, the process must use less than 20 ms of CPU in a second. Takes that second. @default false */
  readonly idle?: boolean;
  /** Process warnings that the spec is about. @default none is allowed */
  readonly warnings?: RegExp;
  /** Uncaught exceptions and rejections that the spec is about. @default none is allowed */
  readonly uncaught?: (error: unknown) => boolean;
}

/** A stream as the harness looks at it. */
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

/** What a spec records with and asks of; see {@link invariants}. */
export class Harness {
  readonly #secrets: string[] = [];
  readonly #observed: ObserverSpy<never>[] = [];
  readonly #errors: unknown[] = [];
  readonly #peers: unknown[] = [];
  readonly #faults: (() => string[])[] = [];
  readonly #cleanups: (() => unknown)[] = [];

  /** Subscribes now and records all that comes. What is still open at the end of the spec is unsubscribed then. (V1, V8, V7) */
  observed<T>(source$: Observable<T>, name = 'the Observable'): ObserverSpy<T> {
    const observed = new ObserverSpy(source$, name);
    this.#observed.push(observed as unknown as ObserverSpy<never>);
    return observed;
  }

  /**
   * Records a stream's events, errors and report. `events$` and `errors$` must complete and `closed$` give one report (V1), no
   * CONNECTED comes after an error (V2), errors are named and keep secrets (V7). Counts as a subscriber of `errors$`.
   */
  watch(io: WatchedStream): { events: ObserverSpy<{ readonly mask: number }>; errors: ObserverSpy<unknown>; closed: ObserverSpy<unknown> } {
    const calls = this.#calls('events$');
    const events = new ObserverSpy(io.events$, 'events$', ({ mask }) => calls.add(mask, undefined));
    const errors = new ObserverSpy(io.errors$, 'errors$', (error) => calls.add(0, error));
    const closed = new ObserverSpy(io.closed$, 'closed$');
    for (const each of [events, errors, closed]) this.#observed.push(each as unknown as ObserverSpy<never>);
    this.#faults.push(() => [
      ...[events, errors, closed].filter((each) => each.state === 'error').map(() => 'V1: events$, errors$ or closed$ of a stream errored'),
      ...(closed.values.length > 1 ? [`V1: closed$ gave ${closed.values.length} reports`] : []),
    ]);
    return { events, errors, closed };
  }

  /** Makes a `cb` that records its calls in `calls`, then calls yours. (V2, V7) */
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

  /** From now on no error that the harness sees may contain any of these texts, nor their Base64. (V7) */
  secret(...texts: readonly string[]): void {
    this.#secrets.push(...texts, ...texts.map((text) => Buffer.from(text).toString('base64')));
  }

  /** Throws unless the error says what is expected, names its phase and tells no secret. (V7) */
  error(error: unknown, expected: ErrorFacts = {}): void {
    this.#errors.push(error);
    assertError(error, expected, this.#secrets);
  }

  /** Throws unless both are the same bytes, however they are cut. (V6) */
  sameBytes(received: Bytes, given: Bytes): void {
    assertSameBytes(received, given);
  }

  /** Wraps a callback of a scripted peer: what it throws fails the spec instead of disappearing. (V10) */
  peer<A extends unknown[], R>(work: (...args: A) => R): (...args: A) => R | undefined {
    return (...args) => {
      try {
        const result = work(...args);
        if (result instanceof Promise) return result.catch((error: unknown) => void this.#peers.push(error)) as R;
        return result;
      } catch (error) {
        this.#peers.push(error);
        return undefined;
      }
    };
  }

  /** Runs at the end of the spec, before anything is checked; the last one given is the first to run. */
  defer(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  /** Waits until something is so; fails after 5 seconds, saying what was awaited. */
  async until(passes: () => boolean, what = passes.toString()): Promise<void> {
    const end = performance.now() + 5000;
    for (let round = 0; !passes(); round += 1) {
      if (performance.now() > end) throw new Error(`expected within 5 s: ${what}`);
      await (round < 100 ? turn() : wait(1));
    }
  }

  /** @internal */
  async finish(): Promise<void> {
    for (const observed of this.#observed) observed.unsubscribe();
    for (let cleanup = this.#cleanups.pop(); cleanup; cleanup = this.#cleanups.pop()) await cleanup();
  }

  /** @internal */
  broken(): string[] {
    const errors = [...this.#errors, ...this.#observed.flatMap((each) => (each.state === 'error' ? [each.error] : []))];
    return [
      ...this.#observed.flatMap((each) => each.violations),
      ...this.#faults.flatMap((look) => look()),
      ...errors.flatMap((error) => faultsOf(error, this.#secrets)),
      ...this.#peers.map((error) => `V10: the peer threw ${inspect(error)}`),
    ];
  }

  #calls(name: string): { calls: RecordedCall[]; add(mask: number, error: unknown): void } {
    const calls: RecordedCall[] = [];
    let failed = false;
    const faults: string[] = [];
    this.#faults.push(() => faults);
    const add = (mask: number, error: unknown): void => {
      calls.push({ mask, error });
      if (error !== undefined) this.#errors.push(error);
      // Errors that do not close a stream may come at any time; CONNECTED after one that does would be a lie.
      failed ||= error !== undefined && (error as { fatal?: unknown }).fatal !== false;
      if (failed && (mask & CONNECTED) !== 0) faults.push(`V2: ${name} told CONNECTED in or after an error`);
    };
    return { calls, add };
  }
}

/**
 * Makes the body of a spec that keeps the invariants V1–V10: what it recorded is in order, what it opened is free again a
 * second later, and nothing reached the process.
 *
 * | | what is checked |
 * |---|---|
 * | V1 | one terminal notification, nothing after it |
 * | V2 | no CONNECTED in or after an error |
 * | V4 | handles, descriptors and timers as before, within a second |
 * | V5 | no uncaught exception, unhandled rejection or warning |
 * | V6 | same bytes, by SHA-256: `h.sameBytes` |
 * | V7 | errors are named and keep secrets: `h.error`, `h.secret` |
 * | V8 | silence after unsubscribe |
 * | V9 | idle after the end, with `{ idle: true }` |
 * | V10 | the peer threw nothing: `h.peer` |
 *
 * One spec at a time: not for `it.concurrent`.
 *
 * ```ts
 * it('echoes', invariants(async (h) => {
 *   const server = createServer(h.peer((socket) => socket.pipe(socket))).listen(0, '127.0.0.1');
 *   h.defer(() => server.close());
 *   const seen = h.observed(echo$);          // subscribes, records
 *   await seen.ended;
 *   h.sameBytes(seen.values, 'hello');
 * }));
 * ```
 */
export function invariants(work: (h: Harness) => unknown, options: InvariantsOptions = {}): () => Promise<void> {
  return async () => {
    const harness = new Harness();
    const process$ = new ProcessEvents();
    const resources = new Resources();
    let stopped = false;
    const stop = (): void => {
      if (stopped) return;
      stopped = true;
      resources.stop();
      process$.stop();
    };
    // A spec that never ends must not leave its listeners to the next one.
    onTestFinished(async () => {
      stop();
      await harness.finish();
    });
    process$.start();
    const failure = await resources
      .run(() => work(harness))
      .then(
        () => [],
        (error: unknown) => [error],
      );
    const cleaning = await resources
      .run(() => harness.finish())
      .then(
        () => [],
        (error: unknown) => [error],
      );
    const left = await resources.leftovers();
    const broken = [
      ...harness.broken(),
      ...(left.length > 0 ? [`V4: a second after the end there are still ${left.join('; ')}`] : []),
      ...reached(process$, options),
      ...(options.idle ? await busy() : []),
      ...cleaning.map((error) => `the cleanup threw ${inspect(error)}`),
    ];
    stop();
    if (failure.length > 0) throw withBroken(failure[0], broken);
    if (broken.length > 0) throw new Error(broken.join('\n'));
  };
}

function reached({ seen }: ProcessEvents, { warnings, uncaught }: InvariantsOptions): string[] {
  return seen
    .filter(({ event, error }) => (event === 'warning' ? !warnings?.test(String(error)) : !uncaught?.(error)))
    .map(({ event, error }) => `V5: ${event}: ${inspect(error)}`);
}

async function busy(): Promise<string[]> {
  const before = process.cpuUsage();
  await wait(1000);
  const { user, system } = process.cpuUsage(before);
  const ms = (user + system) / 1000;
  return ms < 20 ? [] : [`V9: idle, the process used ${ms} ms of CPU in a second`];
}

function withBroken(error: unknown, broken: readonly string[]): unknown {
  if (error instanceof Error && broken.length > 0) error.message += `\n${broken.join('\n')}`;
  return error;
}
