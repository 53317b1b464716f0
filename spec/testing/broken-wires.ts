import { asapScheduler, asyncScheduler, concat, filter, map, mergeMap, Observable, of, tap, throwError } from 'rxjs';
import { guardedSubscriber } from '../../src/util/guarded-subscriber.ts';
import type { Flow, Up, Wire } from '../../src/wire/signal.ts';

type BreakWire = (wire: Wire) => Wire;

/** At least one broken wire for each rule: what it does wrong, the rule, and how to break a wire so. */
export const brokenWires: Readonly<Record<string, readonly [rule: number, breakWire: BreakWire]>> = {
  'starts a timer before it is subscribed': [
    1,
    (wire) => (dial) => {
      dial.scheduler.schedule(() => {}, 10);
      return wire(dial);
    },
  ],
  'emits connected twice': [
    2,
    above((up$) => up$.pipe(mergeMap((signal) => (signal.kind === 'connected' ? of(signal, signal) : of(signal))))),
  ],
  'emits each chunk twice': [2, above((up$) => up$.pipe(mergeMap((signal) => (signal.kind === 'data' ? of(signal, signal) : of(signal)))))],
  'ignores a pause before connected': [
    3,
    (wire) => (dial) => (flow$) => {
      let connected = false;
      return flow$.pipe(
        filter(({ kind }) => connected || kind !== 'pause'),
        wire(dial),
        tap(({ kind }) => (connected ||= kind === 'connected')),
      );
    },
  ],
  'closes both directions at an outbound end': [
    4,
    (wire) => (dial) => (flow$) =>
      new Observable<Up>((up) => {
        up.add(
          flow$
            .pipe(
              tap(({ kind }) => kind === 'end' && asapScheduler.schedule(() => up.complete())),
              wire(dial),
            )
            .subscribe(up),
        );
      }),
  ],
  'drops the end of the peer': [4, above((up$) => up$.pipe(filter(({ kind }) => kind !== 'end')))],
  'resets when Flow completes': [
    5,
    below((flow$) =>
      concat(
        flow$,
        throwError(() => new Error('closed')),
      ),
    ),
  ],
  'closes when Flow errors': [5, below((flow$) => new Observable((down) => flow$.subscribe(completingOnError(down))))],
  'reports a reset of the peer as completion': [
    5,
    (wire) => (dial) => (flow$) =>
      new Observable<Up>((up) => {
        const fromBelow = guardedSubscriber<Up>({
          next: (signal) => up.next(signal),
          error: () => up.complete(),
          complete: () => up.complete(),
          caught: () => {},
        });
        up.add(fromBelow);
        flow$.pipe(wire(dial)).subscribe(fromBelow);
      }),
  ],
  'leaves a timer when it is unsubscribed': [
    6,
    (wire) => (dial) => (flow$) =>
      new Observable<Up>((up) => {
        dial.scheduler.schedule(() => {}, 1e7);
        return flow$.pipe(wire(dial)).subscribe(up);
      }),
  ],
  'stays connected when it is unsubscribed': [
    6,
    (wire) => (dial) => (flow$) => new Observable<Up>((up) => void flow$.pipe(wire(dial)).subscribe((signal) => up.next(signal))),
  ],
  'ignores pauses of the application': [7, below((flow$) => flow$.pipe(filter(({ kind }) => kind !== 'pause')))],
  'never emits pause': [7, above((up$) => up$.pipe(filter(({ kind }) => kind !== 'pause')))],
  'drops bytes written while it is full': [
    7,
    (wire) => (dial) => (flow$) => {
      let full = false;
      return flow$.pipe(
        filter(({ kind }) => kind !== 'data' || !full),
        wire(dial),
        tap(({ kind }) => {
          if (kind === 'pause' || kind === 'resume') full = kind === 'pause';
        }),
      );
    },
  ],
  'emits sent when bytes are written': [
    8,
    (wire) => (dial) => (flow$) =>
      new Observable<Up>((up) =>
        flow$
          .pipe(
            tap((signal) => {
              if (signal.kind === 'data') up.next({ kind: 'sent', bytes: signal.bytes.length });
            }),
            wire(dial),
            filter(({ kind }) => kind !== 'sent'),
          )
          .subscribe(up),
      ),
  ],
  'emits sent with the sum instead of the new bytes': [
    8,
    (wire) => (dial) => (flow$) => {
      let sum = 0;
      const sums = map((signal: Up): Up => (signal.kind === 'sent' ? { kind: 'sent', bytes: (sum += signal.bytes) } : signal));
      return flow$.pipe(wire(dial), sums);
    },
  ],
  'reuses its read buffer': [
    10,
    (wire) => (dial) => (flow$) => {
      const buffer = new Uint8Array(2 ** 20);
      const reuse = map((signal: Up): Up => {
        if (signal.kind !== 'data') return signal;
        buffer.set(signal.bytes);
        return { kind: 'data', bytes: buffer.subarray(0, signal.bytes.length) };
      });
      return flow$.pipe(wire(dial), reuse);
    },
  ],
  'changes written bytes': [
    10,
    below((flow$) =>
      flow$.pipe(
        map((signal): Flow => {
          if (signal.kind !== 'data') return signal;
          const bytes = signal.bytes.slice();
          signal.bytes.fill(0);
          return { kind: 'data', bytes };
        }),
      ),
    ),
  ],
  'emits its queue by recursion': [11, above(recursively)],
  'times the close on another scheduler': [
    12,
    (wire) => (dial) => (flow$) => flow$.pipe(wire({ ...dial, scheduler: asyncScheduler, deadline: asyncScheduler.now() + 60_000 })),
  ],
};

/** Changes the inbound signals. */
export function above(change: (up$: Observable<Up>) => Observable<Up>): BreakWire {
  return (wire) => (dial) => (flow$) => change(flow$.pipe(wire(dial)));
}

/** Changes the outbound signals. */
export function below(change: (flow$: Observable<Flow>) => Observable<Flow>): BreakWire {
  return (wire) => (dial) => (flow$) => change(flow$).pipe(wire(dial));
}

function completingOnError(down: { next(signal: Flow): void; complete(): void }): {
  next(signal: Flow): void;
  error(): void;
  complete(): void;
} {
  return { next: (signal) => down.next(signal), error: () => down.complete(), complete: () => down.complete() };
}

/** Collects the signals of a tick, and emits each from inside the emission of the one before. */
export function recursively<S>(signal$: Observable<S>): Observable<S> {
  return new Observable((out) => {
    const queue: S[] = [];
    const emit = (depth = 0): void => {
      const [first] = queue.splice(0, 1);
      if (first === undefined) return;
      out.next(first);
      // Deep enough to be found, but without a stack overflow.
      if (depth < 500) emit(depth + 1);
      else out.add(asapScheduler.schedule(() => emit()));
    };
    const source = guardedSubscriber<S>({
      next: (signal) => {
        queue.push(signal);
        if (queue.length === 1) out.add(asapScheduler.schedule(() => emit()));
      },
      error: (error: unknown) => out.error(error),
      complete: () => {
        emit();
        out.complete();
      },
    });
    out.add(source);
    signal$.subscribe(source);
  });
}
