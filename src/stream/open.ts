/* eslint-disable @typescript-eslint/unified-signatures -- the own fields of a union of options would not be inferred */
import { IOStream } from './io-stream.ts';
import { internalsOf } from './stream-fields.ts';
import type { IOStreamOptions } from './io-stream.ts';
import type { OptionsOf } from './stream-of.ts';
import type { StreamOf } from './io-stream.ts';

/**
 * Dials a connection, and resolves with the stream when the whole stack is connected.
 *
 * ```ts
 * import { open } from 'rxjs-io-stream';
 *
 * const io = await open({ host: '127.0.0.1', port: 7 });
 * io.end('hello');
 * for await (const bytes of io) console.log(bytes.toString());
 * io.close();
 * ```
 *
 * **Errors**
 * - Rejects with the error that prevented the connection; everything is freed then.
 * - A later fatal error is kept for the next read, `send` or `closed$`. It never becomes an uncaught exception.
 *
 * **Closing**
 * - You close the stream, by `await using` or `close()`.
 *
 * @param options as for `IOStream`.
 * @returns a Promise of the connected stream.
 * @throws TypeError for wrong options, as a rejection.
 * @see `connect` for an Observable.
 */
export function open<O extends object>(options: OptionsOf<Readonly<O>, IOStreamOptions<StreamOf<O>>>): Promise<StreamOf<O>>;
export function open<O extends object>(options: OptionsOf<O, IOStreamOptions<StreamOf<O>>>): Promise<StreamOf<O>>;
export function open(options: IOStreamOptions): Promise<unknown> {
  return opening(() => new IOStream(options));
}

/** Calls `make`, and resolves with its stream when it is connected. */
export function opening<S extends IOStream>(make: () => S): Promise<S> {
  return new Promise((resolve, reject) => {
    const io = make();
    const core = internalsOf(io);
    core.errors.handled = true;
    core.lifetime.opened$.subscribe(() => {
      core.errors.handled = false;
      // Without `unhandled`: an error is kept for the next read, `send` or `closed$` of the caller.
      const { supervisor } = core.errors;
      core.errors.supervisor = {
        thrown: (error) => supervisor.thrown(error),
        closed: (closed, by) => supervisor.closed?.(closed, by),
        upgraded: (successor, upgraded) => supervisor.upgraded?.(successor, upgraded),
      };
      resolve(io);
    });
    core.lifetime.closed$.subscribe(({ error }) =>
      reject((error as Error | undefined) ?? new Error('expected a connection, the stream was closed before it was there')),
    );
  });
}
