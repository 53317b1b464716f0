import {
  asapScheduler,
  asyncScheduler,
  catchError,
  concat,
  delay,
  EMPTY,
  filter,
  map,
  mergeMap,
  Observable,
  of,
  scheduled,
  startWith,
  tap,
  throwError,
} from 'rxjs';
import { handshake } from '../../src/layers/handshake.ts';
import { mapBytes } from '../../src/layers/map-bytes.ts';
import { transform } from '../../src/layers/transform.ts';
import type { PluginPeer } from '../../src/testing/rules/check-plugin.ts';
import type { Flow, Plugin, Up } from '../../src/wire/signal.ts';
import { above, below, recursively } from './broken-wires.ts';
import { cipher, framed, greeter, greeterScript } from './plugins.ts';

const keyed = (): ((bytes: Uint8Array) => Uint8Array) => {
  let at = 0;
  return (bytes) => bytes.map((byte) => byte ^ (at = (at * 5 + 3) & 0xff));
};

/** A cipher whose key streams are made once, for all connections. */
function sharedCipher(): Plugin {
  const [out, back] = [keyed(), keyed()];
  return (wire) => (dial) => (flow$) =>
    flow$.pipe(
      mapBytes(() => out),
      wire(dial),
      mapBytes(() => back),
    );
}

/** One spoiled plugin or more for each rule: what it does wrong, the plugin, what talks to it. */
export const brokenPlugins: Readonly<Record<string, readonly [rule: number, plugin: Plugin, peer: PluginPeer]>> = {
  'shares its state between connections': [1, sharedCipher(), cipher()],
  'subscribes the wire before it is subscribed': [
    1,
    (wire) => (dial) => {
      EMPTY.pipe(wire(dial)).subscribe();
      return wire(dial);
    },
    [],
  ],
  'passes end twice': [2, above((up$) => up$.pipe(mergeMap((each) => (each.kind === 'end' ? of(each, each) : of(each))))), []],
  'depends on how the bytes were cut': [
    2,
    above((up$) => up$.pipe(map((each): Up => (each.kind === 'data' ? { ...each, bytes: each.bytes.subarray(0, 3) } : each)))),
    [],
  ],
  'says hello before it is connected': [
    3,
    below((flow$) => flow$.pipe(startWith<Flow>({ kind: 'data', bytes: Uint8Array.of(72, 105) }))),
    [{ expect: 'Hi' }],
  ],
  'forgets a pause that comes during its handshake': [
    3,
    (wire) => {
      const inner = greeter()(wire);
      return (dial) => (flow$) => {
        let connected = false;
        return flow$.pipe(
          filter(({ kind }) => connected || kind !== 'pause'),
          inner(dial),
          tap(({ kind }) => (connected ||= kind === 'connected')),
        );
      };
    },
    greeterScript,
  ],
  'keeps what came with the last reply while it is paused': [3, stingy(), [{ expect: '?' }, { send: '!' }]],
  'loses what was given when it ends at once': [4, hasty(), []],
  'ends its own direction when the peer ends': [
    4,
    (wire) => (dial) => (flow$) =>
      new Observable<Up>((up) =>
        flow$
          .pipe(
            wire(dial),
            tap(({ kind }) => kind === 'end' && asapScheduler.schedule(() => up.complete())),
          )
          .subscribe(up),
      ),
    [],
  ],
  'loses what it holds when it is closed': [5, hoarder(), []],
  'closes when it should reset': [5, below((flow$) => flow$.pipe(catchError(() => EMPTY))), []],
  'says goodbye before it resets': [
    5,
    below((flow$) =>
      flow$.pipe(
        catchError((error: unknown) =>
          concat(
            of<Flow>({ kind: 'data', bytes: Uint8Array.of(0) }),
            throwError(() => error),
          ),
        ),
      ),
    ),
    [],
  ],
  'reports a cut-off as completion': [5, above((up$) => up$.pipe(catchError(() => EMPTY))), []],
  'leaves a timer when it is unsubscribed': [
    6,
    (wire) => (dial) => (flow$) =>
      new Observable<Up>((up) => {
        dial.scheduler.schedule(() => {}, 1e7);
        return flow$.pipe(wire(dial)).subscribe(up);
      }),
    [],
  ],
  'says goodbye when it is unsubscribed': [
    6,
    (wire) => (dial) => (flow$) =>
      new Observable<Up>((up) => {
        const down$ = new Observable<Flow>((down) => {
          up.add(() => down.next({ kind: 'data', bytes: Uint8Array.of(0) }));
          up.add(() => down.complete());
          return flow$.subscribe(down);
        });
        const subscription = down$.pipe(wire(dial)).subscribe((each) => up.next(each));
        up.add(() => asapScheduler.schedule(() => subscription.unsubscribe()));
      }),
    [],
  ],
  'keeps pauses to itself': [7, below((flow$) => flow$.pipe(filter(({ kind }) => kind !== 'pause'))), []],
  'never says that it is full': [7, above((up$) => up$.pipe(filter(({ kind }) => kind !== 'pause'))), []],
  'counts its own bytes as sent': [8, lengthPrefixed(), framed()],
  'tells all to be sent with the first piece': [
    8,
    (wire) => (dial) => (flow$) => {
      let given = 0;
      let told = 0;
      return flow$.pipe(
        mergeMap((each): Flow[] => {
          if (each.kind !== 'data') return [each];
          given += each.bytes.length;
          return [...each.bytes].map((byte) => ({ kind: 'data', bytes: Uint8Array.of(byte) }));
        }),
        wire(dial),
        mergeMap((each): Up[] => {
          if (each.kind !== 'sent') return [each];
          const bytes = given - told;
          told = given;
          return bytes > 0 ? [{ kind: 'sent', bytes }] : [];
        }),
      );
    },
    [],
  ],
  'loses what comes with the last reply': [9, chunkwise(), [{ expect: '?' }, { send: '!' }]],
  'encrypts in place': [
    10,
    (wire) => (dial) => (flow$) => {
      const inPlace = (): ((bytes: Uint8Array) => Uint8Array) => (bytes) => {
        for (let at = 0; at < bytes.length; at += 1) bytes[at] = (bytes[at] ?? 0) ^ 0x55;
        return bytes;
      };
      return flow$.pipe(mapBytes(inPlace), wire(dial), mapBytes(inPlace));
    },
    (wire) => (dial) => (flow$) => {
      const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0x55);
      return flow$.pipe(
        mapBytes(() => flip),
        wire(dial),
        mapBytes(() => flip),
      );
    },
  ],
  'hands out what it holds by recursion': [11, above(recursively), []],
  'waits on a clock of its own': [
    12,
    (wire) => {
      const inner = greeter()(wire);
      return (dial) => inner({ ...dial, scheduler: asyncScheduler, deadline: asyncScheduler.now() + 60_000 });
    },
    greeterScript,
  ],
  'counts the time of its handshake anew at each byte': [12, patientGreeter(), greeterScript],
  'puts off what comes with a timer': [12, above((up$) => up$.pipe(delay(0, asyncScheduler))), []],
};

/** Holds the last byte back until the next one comes, or the end; a close finds it unprepared. */
function hoarder(): Plugin {
  return (wire) => (dial) => (flow$) => {
    let held: Uint8Array | undefined;
    const shifted$ = flow$.pipe(
      mergeMap((each): Flow[] => {
        const before: Flow[] = held ? [{ kind: 'data', bytes: held }] : [];
        held = each.kind === 'data' ? each.bytes : undefined;
        return each.kind === 'data' ? before : [...before, each];
      }),
    );
    return shifted$.pipe(wire(dial));
  };
}

/** Frames like {@link framed}, and passes `sent` on as it comes. */
function lengthPrefixed(): Plugin {
  const up = transform({ up: framedUp });
  return (wire) =>
    up((dial) => (flow$) => {
      const frames$ = flow$.pipe(
        mergeMap((each): Flow[] => {
          if (each.kind !== 'data') return [each];
          const frames: Flow[] = [];
          for (let at = 0; at < each.bytes.length; at += 255) {
            const body = each.bytes.subarray(at, at + 255);
            frames.push({ kind: 'data', bytes: Uint8Array.of(body.length, ...body) });
          }
          return frames;
        }),
      );
      return frames$.pipe(wire(dial));
    });
}

function framedUp(): { push(bytes: Uint8Array): Iterable<Uint8Array> } {
  let left = 0;
  return {
    *push(bytes) {
      for (const byte of bytes) {
        if (left === 0) left = byte;
        else {
          left -= 1;
          yield Uint8Array.of(byte);
        }
      }
    },
  };
}

/** A handshake written by hand that takes the first chunk for the reply, whatever else is in it. */
function chunkwise(): Plugin {
  return (wire) => (dial) => (flow$) =>
    new Observable<Up>((up) => {
      let details: Up | undefined;
      let through = false;
      let say: (signal: Flow) => void = () => {};
      const question$ = new Observable<Flow>((down) => {
        say = (signal) => down.next(signal);
        return flow$.subscribe(down);
      });
      return question$.pipe(wire(dial)).subscribe({
        next: (each) => {
          if (through) up.next(each);
          else if (each.kind === 'connected') {
            details = each;
            say({ kind: 'data', bytes: Uint8Array.of(63) });
          } else if (each.kind === 'data' && each.bytes.length > 0 && details) {
            through = true;
            up.next(details);
          }
        },
        error: (error: unknown) => up.error(error),
        complete: () => up.complete(),
      });
    });
}

/** Lets each byte wait for a tick, but not the end. */
function hasty(): Plugin {
  return below((flow$) => flow$.pipe(mergeMap((each) => (each.kind === 'data' ? scheduled([each], asapScheduler) : of(each)))));
}

/** Holds leftovers back while it is paused; a wire's own are in flight and come up. */
function stingy(): Plugin {
  const inner = handshake({
    *talk(link) {
      link.send('?');
      yield* link.read(1);
    },
  });
  return (wire) => (dial) => (flow$) =>
    new Observable<Up>((up) => {
      let paused = false;
      const held: Up[] = [];
      const watched$ = flow$.pipe(
        tap(({ kind }) => {
          if (kind === 'pause' || kind === 'resume') paused = kind === 'pause';
          if (kind === 'resume') for (const each of held.splice(0)) up.next(each);
        }),
      );
      return watched$.pipe(inner(wire)(dial)).subscribe({
        next: (each) => {
          if (paused && each.kind === 'data') held.push(each);
          else up.next(each);
        },
        error: (error: unknown) => up.error(error),
        complete: () => up.complete(),
      });
    });
}

/** Its timeout is that of a single read. */
function patientGreeter(): Plugin {
  return (wire) => (dial) => {
    const { scheduler, timeouts } = dial;
    const off = { ...dial, timeouts: { ...timeouts, handshake: Infinity }, deadline: Infinity };
    return (flow$) =>
      new Observable<Up>((up) => {
        const late = (): void => up.error(Object.assign(new Error('late'), { code: 'ETOHANDSHAKE', phase: 'handshake' }));
        let timer = scheduler.schedule(late, timeouts.handshake);
        up.add(() => timer.unsubscribe());
        const watched: typeof wire = (under) => (down$) =>
          down$.pipe(
            wire(under),
            tap(({ kind }) => {
              if (kind !== 'data') return;
              timer.unsubscribe();
              timer = scheduler.schedule(late, timeouts.handshake);
            }),
          );
        const done = tap<Up>(({ kind }) => kind === 'connected' && timer.unsubscribe());
        up.add(flow$.pipe(greeter()(watched)(off), done).subscribe(up));
      });
  };
}
