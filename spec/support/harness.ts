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

/** The options of {@link invariants}. */
export interface InvariantsOptions {
  /** Also check that the process uses less than 20 ms of CPU in a second after the end. Takes that second. @default false */
  readonly idle?: boolean;
  /** Matches the process warnings that the spec expects. @default none */
  readonly warnings?: RegExp;
  /** Whether the spec expects an uncaught exception or rejection. @default none */
  readonly uncaught?: (error: unknown) => boolean;
}

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

/** Records what a spec does, and checks it at the end; see {@link invariants}. */
export class Harness {
  readonly #secrets: string[] = [];
  readonly #observed: ObserverSpy<never>[] = [];
  readonly #errors: unknown[] = [];
  readonly #peers: unknown[] = [];
  readonly #faults: (() => string[])[] = [];
  readonly #cleanups: (() => unknown)[] = [];

  /** Subscribes at once, and records all notifications. Unsubscribes at the end of the spec. */
  observed<T>(source$: Observable<T>, name = 'the Observable'): ObserverSpy<T> {
    const observed = new ObserverSpy(source$, name);
    this.#observed.push(observed as unknown as ObserverSpy<never>);
    return observed;
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
    for (const each of [events, errors, closed]) this.#observed.push(each as unknown as ObserverSpy<never>);
    this.#faults.push(() => [
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

  /** From now on, no recorded error may contain any of these texts, or their Base64. */
  secret(...texts: readonly string[]): void {
    this.#secrets.push(...texts, ...texts.map((text) => Buffer.from(text).toString('base64')));
  }

  /** Throws unless the error has the expected fields and a phase, and contains no secret. */
  error(error: unknown, expected: ErrorFacts = {}): void {
    this.#errors.push(error);
    assertError(error, expected, this.#secrets);
  }

  /** Throws unless both are the same bytes, however they are cut. */
  sameBytes(received: Bytes, given: Bytes): void {
    assertSameBytes(received, given);
  }

  /** Wraps a callback of a scripted peer: an error that it throws fails the spec. */
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

  /** Runs `cleanup` at the end of the spec, before the checks. The last cleanup runs first. */
  defer(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  /** Waits until `passes` returns true; throws after 5 seconds, with `what` in the message. */
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
      ...this.#peers.map((error) => `the peer threw ${inspect(error)}`),
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
      // Errors that do not close a stream may occur at any time. No CONNECTED may follow one that does.
      failed ||= error !== undefined && (error as { fatal?: unknown }).fatal !== false;
      if (failed && (mask & CONNECTED) !== 0) faults.push(`${name} reported CONNECTED in or after a fatal error`);
    };
    return { calls, add };
  }
}

/**
 * Creates the body of a spec that checks these invariants at its end:
 *
 * - An Observable emits one terminal notification, and nothing after it or after unsubscription: `h.observed`.
 * - No CONNECTED follows a fatal error: `h.watch`, `h.cb`.
 * - Within a second, handles, descriptors and timers are as before.
 * - No uncaught exception, unhandled rejection or warning reaches the process.
 * - Errors have a code, an errno and a phase, and contain no secret: `h.error`, `h.secret`.
 * - With `{ idle: true }`, the process is idle after the end.
 * - The peer has thrown nothing: `h.peer`.
 *
 * One spec at a time: not for `it.concurrent`.
 *
 * ```ts
 * spec('echoes', async (h) => {
 *   const server = createServer(h.peer((socket) => socket.pipe(socket))).listen(0, '127.0.0.1');
 *   h.defer(() => server.close());
 *   const seen = h.observed(echo$);          // subscribes, records
 *   await seen.ended;
 *   h.sameBytes(seen.values, 'hello');
 * });
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
    // A spec that times out must not leave its listeners to the next one.
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
      ...(left.length > 0 ? [`a second after the end there are still ${left.join('; ')}`] : []),
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
    .map(({ event, error }) => `${event} reached the process: ${inspect(error)}`);
}

async function busy(): Promise<string[]> {
  const before = process.cpuUsage();
  await wait(1000);
  const { user, system } = process.cpuUsage(before);
  const ms = (user + system) / 1000;
  return ms < 20 ? [] : [`the idle process used ${ms} ms of CPU in a second`];
}

function withBroken(error: unknown, broken: readonly string[]): unknown {
  if (error instanceof Error && broken.length > 0) error.message += `\n${broken.join('\n')}`;
  return error;
}
