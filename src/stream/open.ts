/* eslint-disable @typescript-eslint/unified-signatures -- the own fields of a union of options would not be inferred */
import { coreOf, IOStream } from './io-stream.ts';
import type { IOStreamOptions } from './options.ts';
import type { OptionsOf, StreamOf } from './stream-of.ts';

/**
 * Dials, and resolves with the stream when the whole stack is connected. It is the caller's to close: `await using`, or
 * `io.close()`. Rejects with the error that kept it from connecting (everything is freed then). A later fatal error waits for the
 * next read, `send` or `closed$`; it is never thrown at the process.
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
 * @throws TypeError for wrong options, as a rejection.
 */
export function open<O extends object>(options: OptionsOf<Readonly<O>, IOStreamOptions<StreamOf<O>>>): Promise<StreamOf<O>>;
export function open<O extends object>(options: OptionsOf<O, IOStreamOptions<StreamOf<O>>>): Promise<StreamOf<O>>;
export function open(options: IOStreamOptions): Promise<unknown> {
  return opening(() => new IOStream(options));
}

/** Resolves with the stream that `make` makes, once it is connected. */
export function opening<S extends IOStream>(make: () => S): Promise<S> {
  return new Promise((resolve, reject) => {
    const io = make();
    const core = coreOf(io);
    core.handled = true;
    core.opened$.subscribe(() => {
      core.handled = false;
      // The caller reads and writes when it wants to: an error waits for the next read, write or `closed$`.
      const { supervisor } = core;
      core.supervisor = {
        thrown: (error, of) => supervisor.thrown(error, of),
        upgraded: (successor, of) => supervisor.upgraded?.(successor, of),
      };
      resolve(io);
    });
    core.closed$.subscribe(({ error }) =>
      reject((error as Error | undefined) ?? new Error('expected a connection, the stream was closed before it was there')),
    );
  });
}
