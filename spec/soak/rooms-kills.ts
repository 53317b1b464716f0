/**
 * Kills brokers and nodes while rooms carry messages. Each message must stand once in its room, and no member may have an unmarked hole.
 *
 *   npx tsx spec/soak/rooms-kills.ts [--seconds 60] [--nodes 3] [--rooms 4] [--kill-every 8000]
 *
 * Every few seconds a broker is killed and started again. Several times a second a node is cut off between a message and its
 * confirmation: another node publishes the message again with its id, and the members of the node resume on another one.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Subscription } from 'rxjs';
import { rooms } from '../../src/nats/rooms.ts';
import type { RoomEvent, Rooms } from '../../src/nats/rooms-types.ts';
import { startCluster } from '../interop/peers/nats.ts';
import { holesIn } from '../support/room-events.ts';

const MEMBERS_OF_ROOM = 6;
const KILL_NODE_EVERY = 200;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    nodes: { type: 'string', default: '3' },
    rooms: { type: 'string', default: '4' },
    'kill-every': { type: 'string', default: '8000' },
  },
});
const [seconds, nodeCount, roomCount] = [values.seconds, values.nodes, values.rooms].map(Number) as [number, number, number];
/** Milliseconds between two kills of a broker. */
const killEvery = Number(values['kill-every']);
const cluster = await startCluster();
const names = Array.from({ length: roomCount }, (_, index) => `room-${index}`);
const counts = {
  published: 0,
  duplicates: 0,
  rejected: 0,
  brokersKilled: 0,
  nodesCutOff: 0,
  resumed: 0,
  errors: new Map<string, number>(),
};
const stored = new Map(names.map((name) => [name, new Map<string, number>()]));

interface Node {
  readonly connection: NatsConnection;
  readonly chat: Rooms;
}

async function newNode(): Promise<Node> {
  const servers = [...cluster.urls];
  const connection = await connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 200, waitOnFirstConnect: true });
  const chat = rooms(connection, { replicas: 3, heartbeat: 500, timeout: 30_000, history: 1_000_000, maxBytes: 512 * 1024 * 1024 });
  return { connection, chat };
}

/** A member that resumes on another node when its node is cut off. */
class Member {
  readonly room: string;
  readonly events: RoomEvent[] = [];
  #subscription: Subscription | undefined;
  #last = 0;

  constructor(room: string) {
    this.room = room;
  }

  join(): void {
    const node = nodes[Math.floor(Math.random() * nodes.length)]!;
    this.#subscription = node.chat.join(this.room, { after: this.#last }).subscribe({
      next: (event) => {
        this.events.push(event);
        this.#last = event.kind === 'gap' ? event.before - 1 : event.sequence;
      },
      error: (error: unknown) => {
        const code = String((error as { code?: unknown }).code);
        counts.errors.set(code, (counts.errors.get(code) ?? 0) + 1);
        counts.resumed += 1;
        setTimeout(() => this.join(), 10);
      },
    });
  }

  leave(): void {
    this.#subscription?.unsubscribe();
  }
}

const nodes: Node[] = await Promise.all(Array.from({ length: nodeCount }, newNode));
const members = names.flatMap((name) => Array.from({ length: MEMBERS_OF_ROOM }, () => new Member(name)));
for (const member of members) member.join();
const state = { isRunning: true };

/** Publishes until confirmed: on another node after each failure, with the same id. */
async function publish(room: string, id: string, first?: Node): Promise<void> {
  for (let node = first; ; node = undefined) {
    const { chat } = node ?? nodes[Math.floor(Math.random() * nodes.length)]!;
    try {
      const { sequence, isDuplicate } = await chat.publish(room, id, { id });
      stored.get(room)?.set(id, sequence);
      counts.published += 1;
      if (isDuplicate) counts.duplicates += 1;
      return;
    } catch {
      counts.rejected += 1;
      await wait(20);
    }
  }
}

const publishing = names.map(async (room) => {
  for (let index = 0; state.isRunning; index += 1) {
    await publish(room, `${room}-${index}`);
    await wait(2);
  }
});
const cuttingOff = (async () => {
  for (let index = 0; state.isRunning; index += 1) {
    await wait(KILL_NODE_EVERY);
    const at = index % nodes.length;
    const node = nodes[at]!;
    const room = names[index % names.length]!;
    const publishingOnce = publish(room, `cut-${index}`, node);
    await wait(Math.random() * 3);
    nodes[at] = await newNode();
    await node.connection.close();
    counts.nodesCutOff += 1;
    await publishingOnce;
  }
})();
const killing = (async () => {
  for (let index = 0; state.isRunning; index += 1) {
    const broker = cluster.brokers[index % cluster.brokers.length]!;
    await broker.kill();
    counts.brokersKilled += 1;
    await wait(killEvery / 4);
    await broker.start();
    await wait((killEvery * 3) / 4);
  }
})();

try {
  await wait(seconds * 1000);
  state.isRunning = false;
  await Promise.all([...publishing, cuttingOff, killing]);
  const lastOf = (room: string): number => Math.max(...(stored.get(room)?.values() ?? [0]));
  const hasAll = ({ room, events }: Member): boolean =>
    ((events.at(-1) as { sequence?: number } | undefined)?.sequence ?? 0) >= lastOf(room);
  for (const end = performance.now() + 20_000; performance.now() < end && !members.every(hasAll);) await wait(50);

  let [delivered, gaps, holes, twice] = [0, 0, 0, 0];
  for (const [index, { room, events }] of members.entries()) {
    const own = stored.get(room)!;
    const faults = holesIn(
      events,
      [...own.values()].sort((a, b) => a - b),
    );
    for (const fault of faults) console.log(`member ${index} of ${room}: ${fault}`);
    holes += faults.length;
    const ids = events.flatMap((event) => (event.kind === 'message' ? [event.id] : []));
    delivered += ids.length;
    twice += ids.length - new Set(ids).size;
    gaps += events.filter(({ kind }) => kind === 'gap').length;
    if (new Set(ids).size !== own.size) holes += 1;
  }
  const { errors, ...figures } = counts;
  console.log({ ...figures, errors: Object.fromEntries(errors), delivered, gaps, holes, twice, complete: members.every(hasAll) });
  if (gaps + holes + twice > 0 || !members.every(hasAll)) process.exitCode = 1;
} finally {
  for (const member of members) member.leave();
  await Promise.all(nodes.map(({ connection }) => connection.close()));
  await cluster.stop();
}
