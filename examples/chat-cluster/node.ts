// One node of the chat. Prints its port.
//   npx tsx examples/chat-cluster/node.ts [--port PORT] [--brokers HOST:PORT,…] [--replicas 3]
// Without --brokers, the rooms are in the memory of this process.
import { connect } from '@nats-io/transport-node';
import { listen } from 'rxjs-io-stream';
import { memoryRooms, rooms, type Rooms } from 'rxjs-io-stream/nats';
import { switchMap, tap } from 'rxjs';
import { parseCommandLine, parsePort, runProgram, TEXT } from '../support/command-line.ts';
import { untilInterrupted } from '../support/until-interrupted.ts';
import { serveClient } from './chat.ts';

async function roomsOf(brokers: string | undefined, replicas: number): Promise<Rooms> {
  if (brokers === undefined) return memoryRooms();
  const connection = await connect({
    servers: brokers.split(','),
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
  });
  return rooms(connection, { stream: 'CHAT', subject: 'chat', replicas, heartbeat: 500 });
}

async function main(): Promise<void> {
  const { values } = parseCommandLine({ port: { ...TEXT, default: '0' }, brokers: TEXT, replicas: { ...TEXT, default: '1' } });
  const chat = await roomsOf(values.brokers, Number(values.replicas));
  const server$ = listen({ host: '127.0.0.1', port: parsePort(values.port) }, (io) => serveClient(io, chat));
  // Connections that fail are the business of the clients: they come back.
  untilInterrupted(
    server$.pipe(
      tap(({ address }) => console.log(`port ${(address as { port: number }).port}`)),
      switchMap(({ errors$ }) => errors$),
    ),
  );
}

runProgram(import.meta.url, main);
