import type { AddressInfo } from 'node:net';
import { firstValueFrom, lastValueFrom, NEVER, Observable, Subscription } from 'rxjs';
import { connect, listen, passthrough, relay, type IOStream, type Up } from 'rxjs-io-stream';
import { messageRows } from './growth-messages.ts';
import { COUNTS, expectCount, open, times, turns, type GrowthRow } from './growth-tools.ts';

/** Subscribes n times, emits once, and unsubscribes all, oldest or newest first. */
function subscribers(name: string, pick: (io: IOStream) => Observable<unknown>, newestFirst: boolean, up?: Up): GrowthRow {
  return {
    name: `subscribers of ${name}, ${newestFirst ? 'newest' : 'oldest'} leaves first`,
    sizes: COUNTS,
    async run(units) {
      const { io, emit } = await open();
      const all: Subscription[] = [];
      times(units, () => all.push(pick(io).subscribe({ error: () => {} })));
      if (up) emit(up);
      if (newestFirst) all.reverse();
      for (const each of all) each.unsubscribe();
      io.reset();
    },
  };
}

/** Queues n sends, and then acts on the stream and their subscriptions. */
function queuedSends(what: string, isStuck: boolean, act: (io: IOStream, sends: Subscription[]) => void): GrowthRow {
  return {
    name: `queued sends, ${what}`,
    sizes: COUNTS,
    async run(units) {
      const { io } = await open();
      if (isStuck) io.send(NEVER).subscribe({ error: () => {} });
      const sends: Subscription[] = [];
      times(units, () => {
        sends.push(io.send([Buffer.alloc(10)]).subscribe({ error: () => {} }));
      });
      act(io, sends);
      await turns();
      expectCount(sends.filter(({ closed }) => closed).length, units);
      io.reset();
    },
  };
}

const CHUNK: Up = { kind: 'data', bytes: Buffer.alloc(16_384) };
/** All are open at once, with both ends in this process. Above 3,000 the usual limit of open files would be reached. */
const CONNECTIONS = [10, 100, 300, 1_000, 3_000];

export const growthRows: readonly GrowthRow[] = [
  {
    name: 'connections over TCP, held, then closed',
    sizes: CONNECTIONS,
    async run(units) {
      const serving = new Subscription();
      const port = await new Promise<number>((resolve, reject) => {
        const server$ = listen({ host: '127.0.0.1', port: 0 }, (io) => io.send(io));
        serving.add(server$.subscribe({ next: ({ address }) => resolve((address as AddressInfo).port), error: reject }));
      });
      const held: Subscription[] = [];
      for (let at = 0; at < units; at += 100) {
        const some = Array.from({ length: Math.min(100, units - at) }, async () => {
          const io = await new Promise<IOStream>((resolve, reject) => {
            held.push(connect({ host: '127.0.0.1', port }).subscribe({ next: resolve, error: reject }));
          });
          io.write('x');
          await firstValueFrom(io.data$);
        });
        await Promise.all(some);
      }
      for (const each of held) each.unsubscribe();
      serving.unsubscribe();
      await turns(10);
    },
  },
  {
    name: 'plugins, 20,000 chunks (a stack of more than 16 is unusual)',
    sizes: [1, 2, 4, 8, 16],
    async run(units) {
      const { io, emit } = await open({ plugin: Array.from({ length: units }, (_, at) => [`p${at}`, passthrough()] as const) });
      let bytes = 0;
      io.data$.subscribe({ next: (chunk) => (bytes += chunk.length), error: () => {} });
      times(20_000, () => emit(CHUNK));
      expectCount(bytes, 20_000 * 16_384);
      io.reset();
    },
  },
  subscribers('data$', (io) => io.data$, false, CHUNK),
  subscribers('data$', (io) => io.data$, true, CHUNK),
  subscribers('events$', (io) => io.events$, false, CHUNK),
  subscribers('closed$', (io) => io.closed$, false),
  subscribers('closed$', (io) => io.closed$, true),
  {
    name: 'KiB in inBuf, to 64 MiB, then read in pieces',
    sizes: [64, 1_024, 8_192, 32_768, 65_536],
    async run(units) {
      const { io, emit } = await open({ inBufLimit: 0 });
      let read = 0;
      times(units / 16, () => emit({ kind: 'data', bytes: Buffer.alloc(16_384) }));
      expectCount(io.inBuf.length, units * 1024);
      for (let piece = io.read(65_536); piece.length > 0; piece = io.read(65_536)) read += piece.length;
      expectCount(read, units * 1024);
      io.reset();
    },
  },
  {
    name: 'writes of 64 bytes, outBuf read after each while paused',
    sizes: COUNTS,
    async run(units) {
      const { io, emit } = await open();
      emit({ kind: 'pause' });
      times(units, (at) => {
        io.write(Buffer.alloc(64));
        expectCount(io.outBuf.length, 64 * (at + 1));
      });
      io.reset();
      await turns();
    },
  },
  queuedSends('sent', false, () => {}),
  queuedSends('closed', true, (io) => io.close()),
  queuedSends('oldest leaves first', true, (_, sends) => sends.forEach((each) => each.unsubscribe())),
  queuedSends('newest leaves first', true, (_, sends) => sends.reverse().forEach((each) => each.unsubscribe())),
  {
    name: 'sends of 10 KB that are pending at once',
    sizes: [10, 100, 1_000, 3_000, 6_000],
    async run(units) {
      const { io, emit } = await open();
      emit({ kind: 'pause' });
      const bytes = Buffer.alloc(10_240);
      let completed = 0;
      times(units, () => io.send([bytes]).subscribe({ complete: () => (completed += 1) }));
      emit({ kind: 'resume' });
      await turns();
      expectCount(completed, units);
      io.reset();
    },
  },
  {
    name: 'chunks of one send, with other writes between',
    sizes: [10, 100, 3_000, 10_000, 32_000],
    async run(units) {
      const { io, emit } = await open();
      emit({ kind: 'pause' });
      const bytes = Buffer.alloc(4_096);
      let completed = 0;
      const source$ = new Observable<Buffer>((out) => {
        times(units, () => {
          out.next(bytes);
          io.write(bytes);
        });
        out.complete();
      });
      io.send(source$).subscribe({ complete: () => (completed += 1) });
      emit({ kind: 'resume' });
      await turns();
      expectCount(completed, 1);
      io.reset();
    },
  },
  ...messageRows,
  {
    name: 'pairs of streams relayed at once',
    sizes: [10, 100, 300, 1_000, 3_000],
    async run(units) {
      const pairs = await Promise.all(Array.from({ length: units }, () => Promise.all([open(), open()])));
      const ends = pairs.map(([a, b]) => lastValueFrom(relay(a.io, b.io), { defaultValue: undefined }));
      await turns();
      for (const [a, b] of pairs) {
        a.emit(CHUNK, { kind: 'end' });
        b.emit({ kind: 'end' });
      }
      await Promise.all(ends);
    },
  },
];
