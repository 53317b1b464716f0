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

/** A cipher whose key streams are shared by all connections. */
function sharedCipher(): Plugin {
  const [out, back] = [keyed(), keyed()];
  return (wire) => (dial) => (flow$) =>
    flow$.pipe(
      mapBytes(() => out),
      wire(dial),
      mapBytes(() => back),
    );
}

/** At least one broken plugin for each rule: what it does wrong, the rule, the plugin, and its peer. */
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
  'truncates chunks': [
    2,
    above((up$) => up$.pipe(map((each): Up => (each.kind === 'data' ? { ...each, bytes: each.bytes.subarray(0, 3) } : each)))),
    [],
  ],
  'writes before it is connected': [
    3,
    below((flow$) => flow$.pipe(startWith<Flow>({ kind: 'data', bytes: Uint8Array.of(72, 105) }))),
    [{ expect: 'Hi' }],
  ],
  'ignores a pause during its handshake': [
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
  'delays leftovers while it is paused': [3, delayedLeftovers(), [{ expect: '?' }, { send: '!' }]],
  'sends the end before earlier bytes': [4, earlyEnd(), []],
  'completes when the peer ends': [
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
  'loses its buffer when it closes': [5, lateFlush(), []],
  'closes when Flow errors': [5, below((flow$) => flow$.pipe(catchError(() => EMPTY))), []],
  'writes before it resets': [
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
  'completes when the wire errors': [5, above((up$) => up$.pipe(catchError(() => EMPTY))), []],
  'leaves a timer when it is unsubscribed': [
    6,
    (wire) => (dial) => (flow$) =>
      new Observable<Up>((up) => {
        dial.scheduler.schedule(() => {}, 1e7);
        return flow$.pipe(wire(dial)).subscribe(up);
      }),
    [],
  ],
  'writes when it is unsubscribed': [
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
  'does not pass pauses on': [7, below((flow$) => flow$.pipe(filter(({ kind }) => kind !== 'pause'))), []],
  'never emits pause': [7, above((up$) => up$.pipe(filter(({ kind }) => kind !== 'pause'))), []],
  'counts its own bytes as sent': [8, lengthPrefixed(), framed()],
  'reports all bytes as sent with the first chunk': [
    8,
    (wire) => (dial) => (flow$) => {
      let written = 0;
      let reported = 0;
      return flow$.pipe(
        mergeMap((each): Flow[] => {
          if (each.kind !== 'data') return [each];
          written += each.bytes.length;
          return [...each.bytes].map((byte) => ({ kind: 'data', bytes: Uint8Array.of(byte) }));
        }),
        wire(dial),
        mergeMap((each): Up[] => {
          if (each.kind !== 'sent') return [each];
          const bytes = written - reported;
          reported = written;
          return bytes > 0 ? [{ kind: 'sent', bytes }] : [];
        }),
      );
    },
    [],
  ],
  'loses leftovers': [9, chunkAsReply(), [{ expect: '?' }, { send: '!' }]],
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
  'emits its queue by recursion': [11, above(recursively), []],
  'times its handshake on another scheduler': [
    12,
    (wire) => {
      const inner = greeter()(wire);
      return (dial) => inner({ ...dial, scheduler: asyncScheduler, deadline: asyncScheduler.now() + 60_000 });
    },
    greeterScript,
  ],
  'restarts its handshake timeout at each byte': [12, restartingGreeter(), greeterScript],
  'delays signals with a global timer': [12, above((up$) => up$.pipe(delay(0, asyncScheduler))), []],
};

/** Buffers the last chunk until the next one or the end. Does not flush it at a close. */
function lateFlush(): Plugin {
  return (wire) => (dial) => (flow$) => {
    let buffered: Uint8Array | undefined;
    const shifted$ = flow$.pipe(
      mergeMap((each): Flow[] => {
        const before: Flow[] = buffered ? [{ kind: 'data', bytes: buffered }] : [];
        buffered = each.kind === 'data' ? each.bytes : undefined;
        return each.kind === 'data' ? before : [...before, each];
      }),
    );
    return shifted$.pipe(wire(dial));
  };
}

/** Frames as {@link framed} does, and passes `sent` on unchanged. */
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

/** A handshake that treats the first chunk as the reply, and drops the bytes behind it. */
function chunkAsReply(): Plugin {
  return (wire) => (dial) => (flow$) =>
    new Observable<Up>((up) => {
      let details: Up | undefined;
      let isDone = false;
      let send: (signal: Flow) => void = () => {};
      const request$ = new Observable<Flow>((down) => {
        send = (signal) => down.next(signal);
        return flow$.subscribe(down);
      });
      return request$.pipe(wire(dial)).subscribe({
        next: (each) => {
          if (isDone) up.next(each);
          else if (each.kind === 'connected') {
            details = each;
            send({ kind: 'data', bytes: Uint8Array.of(63) });
          } else if (each.kind === 'data' && each.bytes.length > 0 && details) {
            isDone = true;
            up.next(details);
          }
        },
        error: (error: unknown) => up.error(error),
        complete: () => up.complete(),
      });
    });
}

/** Delays each chunk by a tick, but not the end. */
function earlyEnd(): Plugin {
  return below((flow$) => flow$.pipe(mergeMap((each) => (each.kind === 'data' ? scheduled([each], asapScheduler) : of(each)))));
}

/** Buffers leftovers while it is paused. Those of a wire are in flight, and are emitted. */
function delayedLeftovers(): Plugin {
  const inner = handshake({
    *talk(link) {
      link.send('?');
      yield* link.read(1);
    },
  });
  return (wire) => (dial) => (flow$) =>
    new Observable<Up>((up) => {
      let paused = false;
      const buffered: Up[] = [];
      const watched$ = flow$.pipe(
        tap(({ kind }) => {
          if (kind === 'pause' || kind === 'resume') paused = kind === 'pause';
          if (kind === 'resume') for (const each of buffered.splice(0)) up.next(each);
        }),
      );
      return watched$.pipe(inner(wire)(dial)).subscribe({
        next: (each) => {
          if (paused && each.kind === 'data') buffered.push(each);
          else up.next(each);
        },
        error: (error: unknown) => up.error(error),
        complete: () => up.complete(),
      });
    });
}

/** A handshake whose timeout is that of a single read. */
function restartingGreeter(): Plugin {
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
