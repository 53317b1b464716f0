import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { asapScheduler, config, firstValueFrom, Observable, Subject } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { IOStream, type ClosedReport, type Flow, type IOStreamOptions, type Up, type Wire } from 'rxjs-io-stream';
import { memoryPair, type MemoryPairOptions } from '../../src/testing/memory/memory-pair.ts';
import type { Harness } from '../support/harness.ts';

export type Options = Omit<IOStreamOptions, 'wire' | 'fh' | 'host' | 'port' | 'path'>;

/** Two streams over a pair in memory. Resets them at the end of the spec. */
export function streamPair(h: Harness, a: Options = {}, b: Options = {}, pair: MemoryPairOptions = {}): readonly [IOStream, IOStream] {
  const [left, right] = memoryPair(pair);
  return resetAtEnd(h, new IOStream({ ...a, wire: left }), new IOStream({ ...b, wire: right }));
}

/** Resets streams at the end of the spec. Returns them. */
export function resetAtEnd<S extends readonly IOStream[]>(h: Harness, ...streams: S): S {
  h.defer(() => {
    for (const io of streams) io.errors$.subscribe();
    for (const io of streams) io.reset();
  });
  return streams;
}

/** Listens on loopback with half-open sockets, until the end of the spec. Returns the port. */
export async function serve(h: Harness, onSocket: (socket: Socket) => unknown, host = '127.0.0.1'): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer(
    { allowHalfOpen: true },
    h.peer((socket: Socket) => {
      sockets.add(socket.on('error', () => {}));
      return onSocket(socket);
    }),
  ).listen(0, host);
  await once(server, 'listening');
  h.defer(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}

/** Connects a stream to a peer on loopback. Returns the stream and the peer's socket. */
export async function connectedToPeer(
  h: Harness,
  options: Options = {},
  onSocket: (socket: Socket) => void = () => {},
): Promise<{ io: IOStream; socket: Socket }> {
  let resolveSocket!: (socket: Socket) => void;
  const accepted = new Promise<Socket>((resolve) => (resolveSocket = resolve));
  const port = await serve(h, (socket) => {
    onSocket(socket);
    resolveSocket(socket);
  });
  const [io] = resetAtEnd(h, new IOStream({ ...options, host: '127.0.0.1', port }));
  const socket = await accepted;
  await h.until(() => io.state !== 'opening', 'the stream is connected');
  return { io, socket };
}

/** Resolves with the report, when the handle is free. */
export function closedReport(io: IOStream): Promise<ClosedReport> {
  return firstValueFrom(io.closed$);
}

/** Resolves after `count` ticks. */
export async function ticks(count = 8): Promise<void> {
  for (let each = 0; each < count; each += 1) await new Promise<void>((resolve) => void asapScheduler.schedule(() => resolve()));
}

/** Resolves after `count` turns of the event loop. */
export async function turns(count = 10): Promise<void> {
  for (let each = 0; each < count; each += 1) await turn();
}

/** Records the errors that RxJS reports as unhandled, until the end of the spec. */
export function unhandled(h: Harness): unknown[] {
  const seen: unknown[] = [];
  const before = config.onUnhandledError;
  config.onUnhandledError = (error: unknown) => void seen.push(error);
  h.defer(() => (config.onUnhandledError = before));
  return seen;
}

/** Virtual time. It advances only when all work that is due is done, including ticks of `asapScheduler`. */
export class VirtualTime {
  readonly scheduler: TestScheduler;
  /** Notes in order, each after its time in milliseconds. */
  readonly log: string[] = [];
  readonly #streams: IOStream[] = [];

  constructor(scheduler: TestScheduler) {
    this.scheduler = scheduler;
  }

  at(ms: number, work: () => void): void {
    this.scheduler.schedule(work, ms);
  }

  note(what: string): void {
    this.log.push(`${this.scheduler.now()} ${what}`);
  }

  /** Two streams over a pair in memory, in this time. */
  joined(a: Options = {}, b: Options = {}, pair: MemoryPairOptions = {}): readonly [IOStream, IOStream] {
    const [left, right] = memoryPair(pair);
    return [this.stream({ ...a, wire: left }), this.stream({ ...b, wire: right })];
  }

  stream(options: IOStreamOptions): IOStream {
    const io: IOStream = new IOStream({ scheduler: this.scheduler, ...options });
    // When a stream fails, its other end is reset. The subscription keeps that error from being unhandled.
    io.errors$.subscribe();
    this.#streams.push(io);
    return io;
  }

  /** Notes the codes of errors, and how the stream closed. */
  watch(io: IOStream, name = ''): void {
    const label = name === '' ? '' : `${name} `;
    io.errors$.subscribe((error) => this.note(`${label}${error.code}`));
    io.closed$.subscribe((report) => this.note(`${label}closed by ${report.by}`));
  }

  reset(): void {
    for (const io of this.#streams) io.reset();
  }
}

/** Runs a script in virtual time, resets its streams at `until`, and returns the notes up to then. */
export function inVirtualTime(until: number, script: (v: VirtualTime) => void): string[] {
  const scheduler = new TestScheduler(() => true);
  const v = new VirtualTime(scheduler);
  let notes: string[] = [];
  scheduler.run(({ flush }) => {
    script(v);
    v.at(until, () => {
      notes = [...v.log];
      v.reset();
    });
    flush();
  });
  return notes;
}

/** A wire that is connected at once. `up` emits an inbound signal, `down` records the outbound signals. */
export function scriptedStream(): { wire: Wire; up: (signal: Up) => void; down: Flow[] } {
  const up$ = new Subject<Up>();
  const down: Flow[] = [];
  const wire: Wire = () => (flow$) =>
    new Observable((up) => {
      up.add(up$.subscribe(up));
      up.add(flow$.subscribe({ next: (signal) => down.push(signal), error: () => {}, complete: () => up.complete() }));
      up.next({ kind: 'connected', details: [{ wire: 'scripted' }] });
    });
  return { wire, up: (signal) => up$.next(signal), down };
}

/** Pseudo-random bytes, by which a misplaced or repeated part is detected. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** The memory in use by the process after a garbage collection, in MiB. */
export function usedMiB(): number {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}
