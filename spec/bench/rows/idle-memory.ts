import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { CONNECTED, IOStream, type Plugin } from 'rxjs-io-stream';
import { Clock } from '../clock.ts';
import { inWaves } from '../callers.ts';
import { Child } from '../processes.ts';
import type { Figure, Outcome, Program, Row } from '../row.ts';

/** Keeps an idle connection, with the listeners of a careful program. */
type Keep = (socket: Socket) => unknown;
type Dial = (port: number, connected: () => void) => unknown;

const held: unknown[] = [];
/** Keeps the counters of the listeners alive. */
const seen = { bytes: 0 };

/** Measures the connections of a client: one for each unit, all to the same peer. */
function dialling(name: string, dial: Dial): Program {
  return {
    name,
    run: ({ port, units }) =>
      growth(units, (count) => inWaves(count, 100, () => new Promise<void>((connected) => void held.push(dial(port, connected))))),
  };
}

/** Measures the connections of a server, dialled by another process. */
function accepting(name: string, keep: Keep): Program {
  return {
    name,
    run: async ({ units }) => {
      const opener = await Child.start(['peer', 'opener'], { tuned: true });
      let arrived = (): void => {};
      let expected = 0;
      const server = createServer((socket) => {
        held.push(keep(socket));
        if (held.length === expected) arrived();
      });
      await new Promise<void>((resolve) => void server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, resolve));
      const { port } = server.address() as AddressInfo;
      const outcome = await growth(units, async (count) => {
        expected = held.length + count;
        const all = new Promise<void>((resolve) => {
          arrived = resolve;
        });
        await opener.ask({ port, connections: count });
        await all;
      });
      void opener.stop();
      return outcome;
    },
  };
}

/** Measures the growth of the memory. A few connections come first, for the costs that are paid only once. */
async function growth(units: number, open: (count: number) => Promise<void>): Promise<Outcome> {
  await open(100);
  const before = await settled();
  const clock = new Clock();
  await open(units);
  const outcome = clock.stop(units);
  const after = await settled();
  const heap = (after.heapUsed + after.external - before.heapUsed - before.external) / units;
  return { ...outcome, extra: { heap, rss: (after.rss - before.rss) / units } };
}

async function settled(): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < 4; i += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return process.memoryUsage();
}

function listenInClosures(socket: Socket): Socket {
  let bytes = 0;
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    seen.bytes = bytes;
  });
  socket.on('error', () => {
    seen.bytes = bytes;
  });
  socket.on('close', () => {
    seen.bytes = bytes;
  });
  return socket;
}

function subscribe(io: IOStream): IOStream {
  let bytes = 0;
  io.data$.subscribe({
    next: (chunk) => {
      bytes += chunk.length;
      seen.bytes = bytes;
    },
    error: () => {
      seen.bytes = bytes;
    },
    complete: () => {
      seen.bytes = bytes;
    },
  });
  return io;
}

const observer = {
  IO(io: IOStream): void {
    seen.bytes = io.inBytes;
  },
};
const onSeen = (chunk?: unknown): void => {
  if (chunk) seen.bytes += 1;
};

const rawDial =
  (listen: Keep): Dial =>
  (port, connected) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    socket.once('connect', connected);
    return listen(socket);
  };
const listenShared: Keep = (socket) => socket.on('data', onSeen).on('error', onSeen).on('close', onSeen);

type PluginRecord = Readonly<Record<string, Plugin>>;

const ourDial: Dial = (port, connected) =>
  subscribe(
    new IOStream({
      host: '127.0.0.1',
      port,
      onEvent: ({ mask }) => {
        if ((mask & CONNECTED) !== 0) connected();
      },
    }),
  );
const ourDialWithCallback =
  (plugin: PluginRecord = {}): Dial =>
  (port, connected) => {
    const io = new IOStream({
      host: '127.0.0.1',
      port,
      plugin,
      cb: (_: unknown, mask: number) => {
        if ((mask & CONNECTED) === 0) return;
        io.cb = observer;
        connected();
      },
    });
    return io;
  };

const memory = (which: 'heap' | 'rss', title: string, asked?: number, steps = 1): Figure => ({
  title: `${title}, ${which === 'heap' ? 'JS heap' : 'RSS'}`,
  unit: 'bytes',
  value: ({ extra }) => extra?.[which] ?? NaN,
  better: 'less',
  compare: 'added',
  steps,
  ...(asked === undefined ? {} : { asked }),
});

const CALLBACK_BYTES = 2 * 1024;
const DATA_BYTES = 3 * 1024;

/** Memory is judged by RSS. */
function idle(name: string, title: string, programs: readonly [Program, Program], asked: number, peer?: 'hold'): Row {
  return {
    name,
    title,
    programs,
    ...(peer ? { peer } : {}),
    work: { connections: 1, chunk: 0 },
    start: 5_000,
    unit: { name: 'conn', size: 1 },
    figures: [memory('rss', title, asked), memory('heap', title)],
    memory: false,
    fresh: true,
  };
}

/** The memory of each of `count` plugins. */
export function idleWithPlugins(name: string, title: string, count: number, plugin: PluginRecord): Row {
  const programs = [dialling(`with ${count}`, ourDialWithCallback(plugin)), dialling('without', ourDialWithCallback())] as const;
  return {
    ...idle(name, title, programs, 0, 'hold'),
    figures: [memory('rss', title, 300, count), memory('heap', title, 300, count)],
  };
}

export const idleClient: Row = idle(
  'idle-client',
  'idle client, data$',
  [dialling('data$', ourDial), dialling('net', rawDial(listenInClosures))],
  DATA_BYTES,
  'hold',
);
export const idleClientCallback: Row = idle(
  'idle-client-cb',
  'idle client, cb',
  [dialling('cb', ourDialWithCallback()), dialling('net', rawDial(listenShared))],
  CALLBACK_BYTES,
  'hold',
);
export const idleAccepted: Row = idle(
  'idle-accepted',
  'idle accepted, data$',
  [accepting('data$', (fh) => subscribe(new IOStream({ fh }))), accepting('net', listenInClosures)],
  DATA_BYTES,
);
export const idleAcceptedCallback: Row = idle(
  'idle-accepted-cb',
  'idle accepted, cb',
  [accepting('cb', (fh) => new IOStream({ fh, cb: observer })), accepting('net', listenShared)],
  CALLBACK_BYTES,
);
