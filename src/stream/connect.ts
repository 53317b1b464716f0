/* eslint-disable @typescript-eslint/unified-signatures -- the own fields of a union of options would not be inferred */
import { Observable } from 'rxjs';
import { coreOf, IOStream, type OwnFields } from './io-stream.ts';
import { checkOptions, type IOStreamOptions } from './options.ts';

/** The options of a connection, or what makes them anew for each attempt. */
export type ConnectOptions<O> = (O & IOStreamOptions<IOStream<OwnFields<O>>>) | (() => O & IOStreamOptions<IOStream<OwnFields<O>>>);

/**
 * Makes a connection per subscription: cold, so that `retry`, `repeat`, `timeout`, `race`, `takeUntil` and `switchMap` mean
 * what they mean everywhere.
 *
 * ```text
 *   subscribe ── dial ── every handshake ──▶ io ─────────── closed ──▶ complete
 *                    └─ fails ──▶ error        └─ fatal error ──▶ error
 *   unsubscribe ──▶ io.close(), at any stage
 * ```
 *
 * Emits the stream once, when the whole stack is connected. Completes when the stream has closed and its handle is free; errors
 * at once with its fatal error, or with an AbortError when the `signal` aborts. Unsubscribing closes it: so `firstValueFrom(connect(…))`
 * gives a closed stream; use `open`. (rxjs has an operator of the same name; import that one as something else.)
 *
 * @param options as for `IOStream`, or a function that makes them, called at each subscription. A stream whose `fh` or
 *   `memoryPair` end was used cannot be dialled again; give a function that opens a new one.
 * @throws TypeError for wrong options; those of a function error the Observable instead.
 *
 * ```ts
 * import { connect } from 'rxjs-io-stream';
 * import { retry, switchMap } from 'rxjs';
 *
 * connect({ host: '127.0.0.1', port: 7 })
 *   .pipe(switchMap((io) => io.data$), retry({ count: 3, delay: 1000 }))
 *   .subscribe({ next: (bytes) => console.log(bytes.toString()), error: console.error });
 * ```
 */
export function connect<O extends object>(options: () => O & IOStreamOptions<IOStream<OwnFields<O>>>): Observable<IOStream<OwnFields<O>>>;
// By way of a mapped type the own fields are known inside inline callbacks, too; it cannot take a union of options.
export function connect<O extends object>(
  options: Readonly<O> & IOStreamOptions<IOStream<OwnFields<O>>>,
): Observable<IOStream<OwnFields<O>>>;
export function connect<O extends object>(options: ConnectOptions<O>): Observable<IOStream<OwnFields<O>>>;
export function connect<O extends object>(options: ConnectOptions<O>): Observable<IOStream<OwnFields<O>>> {
  if (typeof options !== 'function') checkOptions(options);
  return connecting(() => new IOStream(typeof options === 'function' ? options() : options));
}

/** Emits the stream that is made at each subscription, once it is connected. */
export function connecting<S extends IOStream>(make: () => S): Observable<S> {
  return new Observable((out) => {
    const io = make();
    const core = coreOf(io);
    core.handled = true;
    core.opened$.subscribe(() => out.next(io));
    // What ends with an error is over at once, also when it still says farewell to the peer.
    core.closing$.subscribe((end) => {
      if ('error' in end) out.error(end.error);
    });
    core.closed$.subscribe(() => out.complete());
    return () => io.close();
  });
}
