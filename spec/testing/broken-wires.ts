import { asapScheduler, asyncScheduler, concat, filter, map, mergeMap, Observable, of, tap, throwError } from 'rxjs';
import { guardedSubscriber } from '../../src/util/guarded-subscriber.ts';
import type { Flow, Up, Wire } from '../../src/wire/signal.ts';

type Spoil = (wire: Wire) => Wire;

/** One spoiled wire for each rule that concerns wires: what it does wrong, and how. */
export const brokenWires: Readonly<Record<string, readonly [rule: number, spoil: Spoil]>> = {
  'starts a timer before it is subscribed': [
    1,
    (wire) => (dial) => {
      dial.scheduler.schedule(() => {}, 10);
      return wire(dial);
    },
  ],
  'tells connected twice': [
    2,
    above((up$) => up$.pipe(mergeMap((signal) => (signal.kind === 'connected' ? of(signal, signal) : of(signal))))),
  ],
  'doubles each byte that comes': [
    2,
    above((up$) => up$.pipe(mergeMap((signal) => (signal.kind === 'data' ? of(signal, signal) : of(signal))))),
  ],
  'forgets a pause that comes before connected': [
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
  'closes both directions at an end': [
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
  'swallows the end of the peer': [4, above((up$) => up$.pipe(filter(({ kind }) => kind !== 'end')))],
  'resets at a close': [
    5,
    below((flow$) =>
      concat(
        flow$,
        throwError(() => new Error('closed')),
      ),
    ),
  ],
  'closes at a reset': [5, below((flow$) => new Observable((down) => flow$.subscribe(swallowing(down))))],
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
  'never stops giving': [7, below((flow$) => flow$.pipe(filter(({ kind }) => kind !== 'pause')))],
  'never says that it is full': [7, above((up$) => up$.pipe(filter(({ kind }) => kind !== 'pause')))],
  'loses what is given while it is full': [
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
  'tells bytes to be sent when they are given': [
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
  'tells sums instead of counts': [
    8,
    (wire) => (dial) => (flow$) => {
      let sum = 0;
      const level = map((signal: Up): Up => (signal.kind === 'sent' ? { kind: 'sent', bytes: (sum += signal.bytes) } : signal));
      return flow$.pipe(wire(dial), level);
    },
  ],
  'reads into one buffer over and over': [
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
  'changes bytes it was given': [
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
  'hands out what it holds by recursion': [11, above(recursively)],
  'waits for the peer on a clock of its own': [
    12,
    (wire) => (dial) => (flow$) => flow$.pipe(wire({ ...dial, scheduler: asyncScheduler, deadline: asyncScheduler.now() + 60_000 })),
  ],
};

/** Changes what comes up. */
export function above(change: (up$: Observable<Up>) => Observable<Up>): Spoil {
  return (wire) => (dial) => (flow$) => change(flow$.pipe(wire(dial)));
}

/** Changes what goes down. */
export function below(change: (flow$: Observable<Flow>) => Observable<Flow>): Spoil {
  return (wire) => (dial) => (flow$) => change(flow$).pipe(wire(dial));
}

function swallowing(down: { next(signal: Flow): void; complete(): void }): {
  next(signal: Flow): void;
  error(): void;
  complete(): void;
} {
  return { next: (signal) => down.next(signal), error: () => down.complete(), complete: () => down.complete() };
}

/** Collects the signals of a tick and gives each from inside the call for the one before. */
export function recursively<S>(signal$: Observable<S>): Observable<S> {
  return new Observable((out) => {
    const held: S[] = [];
    const give = (depth = 0): void => {
      const [first] = held.splice(0, 1);
      if (first === undefined) return;
      out.next(first);
      // Deep enough to be seen, and not so deep that the stack is used up.
      if (depth < 500) give(depth + 1);
      else out.add(asapScheduler.schedule(() => give()));
    };
    const source = guardedSubscriber<S>({
      next: (signal) => {
        held.push(signal);
        if (held.length === 1) out.add(asapScheduler.schedule(() => give()));
      },
      error: (error: unknown) => out.error(error),
      complete: () => {
        give();
        out.complete();
      },
    });
    out.add(source);
    signal$.subscribe(source);
  });
}
