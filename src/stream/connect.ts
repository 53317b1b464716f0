/* eslint-disable @typescript-eslint/unified-signatures -- the own fields of a union of options would not be inferred */
import { Observable } from 'rxjs';
import { describeValue } from '../util/describe.ts';
import { checkStreamOptions } from './check-stream-options.ts';
import { IOStream, type IOStreamOptions, type StreamOf } from './io-stream.ts';
import type { ReadEnd } from './read-end.ts';
import { runHandler, type Handler } from './run-handler.ts';
import { internalsOf } from './stream-fields.ts';
import type { OptionsOf } from './stream-of.ts';

/** The options of a connection, or a function that returns new ones for each attempt. */
export type ConnectOptions<O> = OptionsOf<O, IOStreamOptions<StreamOf<O>>> | (() => OptionsOf<O, IOStreamOptions<StreamOf<O>>>);

/**
 * Dials a connection for each subscription. Cold: `retry`, `race`, `takeUntil` and `switchMap` work as usual.
 *
 * ```text
 *   subscribe ── dial ── every handshake ──▶ io ─────────── closed ──▶ complete
 *                    └─ fails ──▶ error        └─ fatal error ──▶ error, after the readers of io
 *   unsubscribe ──▶ silence; io is closed after the current synchronous turn
 * ```
 *
 * Emits the stream once, when the stack is connected; with a `handler`, the values of its Observable instead.
 *
 * **Errors**
 * - Errors with a fatal error, after the readers of the stream (`data$`, `consume`, `send`, …) have received it and all bytes before
 *   it. Errors with an AbortError when the `signal` aborts.
 * - Errors with an error of the handler, and resets the connection.
 * - If the handler reads or sends, a fatal error of the stream goes to the handler instead.
 *
 * **Closing**
 * - Completes when the handle is freed; keeps the process alive until then. When the handler completes, the stream is closed first.
 * - Unsubscribing closes the stream, or resets it if a `send` was cut midway. Subscribers of the stream receive no notification.
 * - `firstValueFrom(connect(…))` resolves with a closed stream; use `open`.
 *
 * **Backpressure**, **Memory**
 * - Those of the stream.
 *
 * @param options as for `IOStream`, or a function that returns them for each subscription. An `fh` can be used once: pass a
 *   function that opens a new one.
 * @param handler returns an `ObservableInput`, as for `listen`. Unsubscribed before the stream closes.
 * @returns a cold Observable.
 * @throws TypeError for wrong options. If a function returned them, the Observable errors instead.
 * @see docs/guides/clients.md, {@link open} for a connection as a Promise, {@link listen} for servers.
 *
 * ```ts
 * import { connect } from 'rxjs-io-stream';
 * import { retry } from 'rxjs';
 *
 * connect({ host: '127.0.0.1', port: 7 }, (io) => io.data$)
 *   .pipe(retry({ count: 3, delay: 1000 }))
 *   .subscribe({ next: (bytes) => console.log(bytes.toString()), error: console.error });
 * ```
 */
export function connect<O extends object, T>(
  options: () => OptionsOf<O, IOStreamOptions<StreamOf<O>>>,
  handler: Handler<StreamOf<O>, T>,
): Observable<T>;
// The mapped type makes the own fields known inside inline callbacks, too; it does not accept a union of options.
export function connect<O extends object, T>(
  options: OptionsOf<Readonly<O>, IOStreamOptions<StreamOf<O>>>,
  handler: Handler<StreamOf<O>, T>,
): Observable<T>;
export function connect<O extends object, T>(
  options: OptionsOf<O, IOStreamOptions<StreamOf<O>>>,
  handler: Handler<StreamOf<O>, T>,
): Observable<T>;
export function connect<O extends object, T>(options: ConnectOptions<O>, handler: Handler<StreamOf<O>, T>): Observable<T>;
export function connect<O extends object>(options: () => OptionsOf<O, IOStreamOptions<StreamOf<O>>>): Observable<StreamOf<O>>;
export function connect<O extends object>(options: OptionsOf<Readonly<O>, IOStreamOptions<StreamOf<O>>>): Observable<StreamOf<O>>;
export function connect<O extends object>(options: OptionsOf<O, IOStreamOptions<StreamOf<O>>>): Observable<StreamOf<O>>;
export function connect<O extends object>(options: ConnectOptions<O>): Observable<StreamOf<O>>;
export function connect(options: IOStreamOptions | (() => IOStreamOptions), handler?: Handler<never>): Observable<unknown> {
  const given = typeof options === 'function' ? options : checkStreamOptions(options);
  if (handler !== undefined && typeof handler !== 'function')
    throw new TypeError(`connect: expected the handler to be a function, got ${describeValue(handler)}`);
  const make = (): IOStream => new IOStream(typeof given === 'function' ? given() : given);
  return connecting(make, handler as Handler | undefined);
}

export function connecting<S extends IOStream>(make: () => S): Observable<S>;
export function connecting<S extends IOStream>(make: () => S, handler: Handler<S> | undefined): Observable<unknown>;
/** Makes a stream for each subscription. Emits it when it is connected; with a handler, the values of the handler instead. */
export function connecting<S extends IOStream>(make: () => S, handler?: Handler<S>): Observable<unknown> {
  return new Observable((out) => {
    const io = make();
    const core = internalsOf(io);
    core.errors.handled = true;
    let isHandled = false;
    /** Completes when the handle is freed; keeps the process alive until then. */
    const complete = (): void => out.add(core.awaitedClose$.subscribe(() => out.complete()));
    const stopped = (end: ReadEnd): void => {
      // An error is emitted before the handle is freed.
      if ('error' in end) core.lifetime.whenReadersDone(() => out.error(end.error));
      else complete();
    };
    core.lifetime.opened$.subscribe(() => {
      if (handler) {
        isHandled = true;
        out.add(runHandler(io, handler, { next: (value) => out.next(value), error: (error) => out.error(error), complete, stopped }));
      } else out.next(io);
    });
    core.lifetime.closing$.subscribe((end) => {
      if (!isHandled) stopped(end);
    });
    return () => core.closing.leave();
  });
}
