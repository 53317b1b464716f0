// A chat on several nodes: clients are on any of them, rooms are across all. A node and a broker are killed while everybody talks.
//   npx tsx examples/chat-cluster/main.ts [--memory] [--clients 6] [--messages 50]
// Without nats-server, and with --memory, there is one node, whose rooms are in its memory. The clients are the same.
import { setTimeout as wait } from 'node:timers/promises';
import { FLAG, parseCommandLine, runProgram, TEXT } from '../support/command-line.ts';
import { ChatClient } from './client.ts';
import { hasBroker, startBrokers, startNode, untilListening, type Running } from './processes.ts';

const ROOMS = ['lobby', 'kitchen'];
/** Maximum milliseconds for the conversation, and for the last messages to arrive. */
const CONVERSATION_TIMEOUT = 60_000;
const ARRIVAL_TIMEOUT = 30_000;

async function main(): Promise<void> {
  const { values } = parseCommandLine({ memory: FLAG, clients: { ...TEXT, default: '6' }, messages: { ...TEXT, default: '50' } });
  const [clients, messages] = [Number(values.clients), Number(values.messages)];
  if (!(clients > 0) || !(messages > 0)) throw new TypeError('expected numbers, 1 or more');
  const isCluster = !values.memory && hasBroker();
  const running: Running[] = [];
  try {
    const brokers = isCluster ? await startBrokers(3) : [];
    running.push(...brokers);
    const names = isCluster ? ['node-1', 'node-2', 'node-3'] : ['node-1'];
    const starting = Promise.all(names.map((name) => startNode(name, brokers)));
    const [nodes] = await Promise.all([starting, ...brokers.map(({ port }) => untilListening(port))]);
    running.push(...nodes);
    console.log(`${brokers.length} brokers, ${nodes.length} nodes, ${clients} clients in ${ROOMS.length} rooms`);
    await converse(nodes, brokers, clients, messages);
  } finally {
    await Promise.all(running.map((each) => each.kill()));
  }
}

async function converse(nodes: Running[], brokers: readonly Running[], count: number, messages: number): Promise<void> {
  const started = performance.now();
  const ports = (): number[] => nodes.map(({ port }) => port);
  const clients = Array.from({ length: count }, (_, index) => {
    const room = ROOMS[index % ROOMS.length] ?? '';
    return { room, client: new ChatClient(room, ports, index) };
  });
  await Promise.all(clients.map(({ client }) => client.start()));
  let stored = 0;
  const talking = clients.map(async ({ client }, index) => {
    for (let each = 1; each <= messages; each += 1) {
      const id = `c${index}-${each}`;
      await client.send(id, id);
      stored += 1;
      if (each === Math.ceil(messages / 4)) client.move(); // Each client changes its node once.
    }
  });
  const killing = (async (): Promise<void> => {
    const untilStored = async (part: number): Promise<void> => {
      while (stored < count * messages * part) await wait(5);
    };
    await untilStored(0.4);
    if (nodes.length > 1) await kill(nodes.splice(1, 1)[0]);
    await untilStored(0.6);
    await kill(brokers.at(-1));
  })();
  await Promise.race([
    Promise.all([...talking, killing]),
    wait(CONVERSATION_TIMEOUT, undefined, { ref: false }).then(() => {
      throw new Error(`expected all messages to be stored within ${CONVERSATION_TIMEOUT} ms, ${stored} of ${count * messages} are`);
    }),
  ]);

  const expected = (room: string): number => clients.filter((each) => each.room === room).length * messages;
  const hasAll = ({ room, client: { seen } }: (typeof clients)[number]): boolean => seen.messages.length >= expected(room);
  for (const end = performance.now() + ARRIVAL_TIMEOUT; performance.now() < end && !clients.every(hasAll);) await wait(10);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  for (const { client } of clients) client.stop();
  report(clients, expected, seconds);
}

async function kill(process: Running | undefined): Promise<void> {
  await process?.kill();
  if (process) console.log(`killed ${process.name}`);
}

function report(
  clients: readonly { readonly room: string; readonly client: ChatClient }[],
  expected: (room: string) => number,
  seconds: string,
): void {
  const sum = (of: (each: (typeof clients)[number]) => number): number => clients.reduce((total, each) => total + of(each), 0);
  const delivered = sum(({ client }) => client.seen.messages.length);
  const moves = sum(({ client }) => client.seen.moves);
  const gaps = sum(({ client }) => client.seen.gaps.length);
  const distinct = sum(({ client }) => new Set(client.seen.messages.map(({ text }) => text)).size);
  const missing = sum(({ room }) => expected(room)) - distinct;
  const unordered = sum(({ client: { seen } }) =>
    seen.messages.reduce((total, { sequence }, index) => total + Number(sequence <= (seen.messages[index - 1]?.sequence ?? 0)), 0),
  );
  const stored = ROOMS.reduce((total, room) => total + expected(room), 0);
  console.log(`${stored} messages stored, ${delivered} delivered in ${seconds} s, ${moves} moves`);
  console.log(`${gaps} gaps, ${missing} missing, ${delivered - distinct} duplicates, ${unordered} out of order`);
  if (gaps + missing + (delivered - distinct) + unordered > 0) process.exitCode = 1;
}

runProgram(import.meta.url, main);
