import { setTimeout as wait } from 'node:timers/promises';
import { inspect } from 'node:util';
import { onTestFinished } from 'vitest';
import { Harness } from './harness.ts';
import { ProcessEvents } from './process-events.ts';
import { Resources } from './resources.ts';
import { cpuTime } from './cpu-time.ts';

/** The options of {@link invariants}. */
export interface InvariantsOptions {
  /** Also check that the process uses less than 20 ms of CPU in a second after the end. Takes that second. @default false */
  readonly idle?: boolean;
  /** Matches the process warnings that the spec expects. @default none */
  readonly warnings?: RegExp;
  /** Whether the spec expects an uncaught exception or rejection. @default none */
  readonly uncaught?: (error: unknown) => boolean;
}

/**
 * Creates the body of a spec that checks these invariants at its end:
 *
 * - An Observable emits nothing after its end or after unsubscription: `h.observed`.
 * - No CONNECTED follows a fatal error: `h.watch`, `h.cb`.
 * - A second after the end, there are no more handles, descriptors and timers than before.
 * - No uncaught exception, unhandled rejection or warning reaches the process.
 * - Errors have a code, an errno and a phase, and contain no secret: `h.error`, `h.secret`.
 * - With `{ idle: true }`, the process uses almost no CPU after the end.
 * - The peer has not thrown: `h.peer`.
 *
 * Only for specs that run one at a time, not for `it.concurrent`. Specs use it through `spec`.
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
    const processEvents = new ProcessEvents();
    const resources = new Resources();
    let stopped = false;
    const stop = (): void => {
      if (stopped) return;
      stopped = true;
      resources.stop();
      processEvents.stop();
    };
    // If the spec times out, its listeners must not remain for the next one.
    onTestFinished(async () => {
      stop();
      await harness.finish();
    });
    processEvents.start();
    const failure = await resources
      .run(() => work(harness))
      .then(
        () => [],
        (error: unknown) => [error],
      );
    const cleanupFailure = await resources
      .run(() => harness.finish())
      .then(
        () => [],
        (error: unknown) => [error],
      );
    const leftovers = await resources.leftovers();
    const violations = [
      ...harness.violations(),
      ...(leftovers.length > 0 ? [`a second after the end there are still ${leftovers.join('; ')}`] : []),
      ...unexpected(processEvents, options),
      ...(options.idle ? await busyWhenIdle() : []),
      ...cleanupFailure.map((error) => `the cleanup threw ${inspect(error)}`),
    ];
    stop();
    if (failure.length > 0) throw withViolations(failure[0], violations);
    if (violations.length > 0) throw new Error(violations.join('\n'));
  };
}

function unexpected({ seen }: ProcessEvents, { warnings, uncaught }: InvariantsOptions): string[] {
  return seen
    .filter(({ event, error }) => (event === 'warning' ? !warnings?.test(String(error)) : !uncaught?.(error)))
    .map(({ event, error }) => `${event} reached the process: ${inspect(error)}`);
}

async function busyWhenIdle(): Promise<string[]> {
  const before = cpuTime();
  await wait(1000);
  const ms = cpuTime() - before;
  return ms < 20 ? [] : [`the idle process used ${ms} ms of CPU in a second`];
}

function withViolations(error: unknown, violations: readonly string[]): unknown {
  if (error instanceof Error && violations.length > 0) error.message += `\n${violations.join('\n')}`;
  return error;
}
