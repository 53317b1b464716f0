/* eslint-disable @typescript-eslint/unified-signatures -- the own fields of a union of options would not be inferred */
import { Observable, type Subscriber } from 'rxjs';
import { inWords } from './bytes.ts';
import type { Core } from './core.ts';
import { coreOf, IOStream } from './io-stream.ts';
import { checkOptions, type IOStreamOptions } from './options.ts';
import type { ReadEnd } from './read-side.ts';
import { runHandler, type Handler } from './run-handler.ts';
import type { OptionsOf, StreamOf } from './stream-of.ts';

/** The options of a connection, or what makes them anew for each attempt. */
export type ConnectOptions<O> = OptionsOf<O, IOStreamOptions<StreamOf<O>>> | (() => OptionsOf<O, IOStreamOptions<StreamOf<O>>>);

/**
 * Dials a connection for each subscription: cold, so that `retry`, `repeat`, `timeout`, `race`, `takeUntil` and `switchMap` mean
 * what they mean everywhere.
 *
 * ```text
 *   subscribe ── dial ── every handshake ──▶ io ─────────── closed ──▶ complete
 *                    └─ fails ──▶ error        └─ fatal error ──▶ error, after the readers of io
 *   unsubscribe ──▶ silence; io is closed after the current synchronous turn
 * ```
 *
 * Emits the stream once, when the whole stack is connected; with a `handler`, what the handler's Observable emits instead. (RxJS has an
 * operator of the same name; import that one as something else.)
 *
 * **Errors**
 * - A fatal error first reaches the readers of the stream (`data$`, `consume`, iteration, `send`, …), after all bytes read before
 *   it; then `connect` errors, at once if there are none. An AbortError when the `signal` aborts.
 * - With a handler: its error resets the connection, and is emitted. A fatal error is the handler's if it reads or sends.
 *
 * **Closing**
 * - Completes when the stream has closed and its handle is free, and keeps the process alive until then. With a handler: it completes, the stream is closed (`close()`), then
 *   `connect` completes.
 * - Unsubscribing is silent: subscribers of the stream get nothing more, neither `complete` nor an error, so that truncated data
 *   never looks complete. The stream is then closed, or reset if a `send` was cut midway. So `firstValueFrom(connect(…))` gives a closed
 *   stream; use `open`.
 *
 * **Backpressure, Memory**: those of the stream.
 *
 * @param options as for `IOStream`, or a function that makes them, called at each subscription. A stream whose `fh` or
 *   `memoryPair` end was used cannot be dialled again; give a function that opens a new one.
 * @param handler what the connection is for, as for `listen`: returns anything `ObservableInput`; unsubscribed before the stream closes.
 * @throws TypeError for wrong options; those of a function error the Observable instead.
 * @see {@link open} for a connection as a Promise, {@link listen} for servers.
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
// By way of a mapped type the own fields are known inside inline callbacks, too; it cannot take a union of options.
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
  const given = typeof options === 'function' ? options : checkOptions(options);
  if (handler !== undefined && typeof handler !== 'function')
    throw new TypeError(`connect: expected the handler to be a function, got ${inWords(handler)}`);
  const make = (): IOStream => new IOStream(typeof given === 'function' ? given() : given);
  return handler ? connectingWith(make, handler as Handler) : connecting(make);
}

/** Emits the stream that is made at each subscription, once it is connected. */
export function connecting<S extends IOStream>(make: () => S): Observable<S> {
  return new Observable((out) => {
    const io = make();
    const core = coreOf(io);
    core.handled = true;
    core.opened$.subscribe(() => out.next(io));
    // An error is emitted while the close still lingers.
    core.closing$.subscribe((end) => {
      if ('error' in end) core.whenServed(() => out.error(end.error));
      else completeWhenClosed(core, out);
    });
    return () => core.leave();
  });
}

/** The completion is awaited: it keeps the process alive while the stream closes. */
function completeWhenClosed(core: Core, out: Subscriber<never>): void {
  out.add(core.awaitedClose$.subscribe(() => out.complete()));
}

/** Emits what the handler emits for the stream that is made at each subscription. */
function connectingWith<S extends IOStream, T>(make: () => S, handler: Handler<S, T>): Observable<T> {
  return new Observable((out) => {
    const io = make();
    const core = coreOf(io);
    core.handled = true;
    let isOpened = false;
    const complete = (): void => completeWhenClosed(core, out);
    const stopped = (end: ReadEnd): void => {
      if ('error' in end) core.whenServed(() => out.error(end.error));
      else complete();
    };
    core.opened$.subscribe(() => {
      isOpened = true;
      out.add(runHandler(io, handler, { next: (value) => out.next(value), error: (error) => out.error(error), complete, stopped }));
    });
    core.closing$.subscribe((end) => {
      if (!isOpened) stopped(end);
    });
    return () => core.leave();
  });
}
