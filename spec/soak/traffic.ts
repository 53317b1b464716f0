/**
 * The process that makes the traffic of the soak: good and faulty raw clients for each service, and a faulty server for our clients. A
 * message of type `Round` starts a round. The answer is the number of connections made.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { Speech } from './services.ts';

export interface Round {
  readonly services: readonly { readonly speech: Speech; readonly port: number }[];
  /** Milliseconds of the round, and the number of connections that each service has at a time. */
  readonly ms: number;
  readonly width: number;
}

/** Uses one connection, and ends it. With TLS, `raw` is the socket below; otherwise it is the same one. */
type Client = (socket: Socket, speech: Speech, raw: Socket) => Promise<void>;

const HOST = '127.0.0.1';
const LIMIT = 3000;

/** Resolves when the socket is closed. Destroys it after the limit. */
function closed(socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  const late = setTimeout(() => socket.destroy(), LIMIT);
  return new Promise((resolve) =>
    socket.once('close', () => {
      clearTimeout(late);
      resolve();
    }),
  );
}

function question(speech: Speech): Uint8Array | string {
  if (speech === 'lines') return `line ${randomInt(1000)}\n`.repeat(3);
  if (speech === 'http') return `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello`;
  return randomBytes(randomInt(1, 5000));
}

const good: Client = async (socket, speech) => {
  if (speech !== 'listen') socket.write(question(speech));
  socket.once('data', () => socket.end());
  await closed(socket.resume());
};

const faulty: Readonly<Record<string, Client>> = {
  scans: async (socket) => void socket.destroy(),
  'resets at once': async (_socket, _speech, raw) => void raw.resetAndDestroy(),
  'resets after a question': async (socket, speech, raw) => {
    socket.write(question(speech));
    await wait(randomInt(10));
    raw.resetAndDestroy();
  },
  'resets in the answer': async (socket, speech, raw) => {
    socket.write(question(speech));
    socket.once('data', () => raw.resetAndDestroy());
    await closed(socket);
  },
  'half-closes': async (socket, speech) => {
    socket.end(question(speech));
    await closed(socket.resume());
  },
  'half-closes at once': (socket) => closed(socket.end().resume()),
  'sends garbage': async (socket) => {
    socket.end(randomBytes(randomInt(1, 70_000)));
    await closed(socket.resume());
  },
  'sends one long line': async (socket) => {
    socket.end('x'.repeat(10_000));
    await closed(socket.resume());
  },
  'does not read': async (socket, speech) => {
    socket.pause();
    for (let count = 0; count < 8; count += 1) socket.write(speech === 'lines' ? `${'x'.repeat(1000)}\n`.repeat(50) : randomBytes(50_000));
    await wait(randomInt(200));
    socket.destroy();
  },
  stalls: (socket) => closed(socket.resume()),
  'is slow': async (socket, speech) => {
    for (const byte of Buffer.from(question(speech)).subarray(0, 20)) {
      socket.write(Uint8Array.of(byte));
      await wait(2);
    }
    socket.end();
    await closed(socket.resume());
  },
};
const FAULTY = Object.values(faulty);

/** Dials from a random loopback address: with one address, ports in TIME_WAIT would run out. */
function dial(port: number): Promise<Socket> {
  const socket = connect({ host: HOST, port, localAddress: `127.0.${randomInt(1, 250)}.${randomInt(1, 250)}`, allowHalfOpen: true });
  socket.on('error', () => {});
  return new Promise((resolve, reject) => socket.once('connect', () => resolve(socket)).once('error', reject));
}

/** Picks a client. Stalling ones are rare: each takes as long as the timeouts of the server. */
function pick(): Client {
  if (randomInt(3) === 0) return good;
  const client = FAULTY[randomInt(FAULTY.length)]!;
  return client === faulty.stalls && randomInt(10) > 0 ? good : client;
}

async function secured(socket: Socket): Promise<Socket> {
  const secure = connectTls({ socket, rejectUnauthorized: randomInt(8) === 0, allowHalfOpen: true } as object);
  secure.on('error', () => {});
  await Promise.race([new Promise((resolve) => secure.once('secureConnect', resolve).once('close', resolve)), wait(LIMIT)]);
  return secure;
}

async function connection(port: number, speech: Speech): Promise<void> {
  const socket = await dial(port);
  const client = pick();
  // Half of the faulty clients of TLS fail below it, in the handshake.
  const isSecure = speech === 'tls' && (client === good || randomInt(2) === 0);
  await client(isSecure ? await secured(socket) : socket, speech, socket);
  await closed(socket);
}

async function runRound({ services, ms, width }: Round): Promise<number> {
  const until = performance.now() + ms;
  let connections = 0;
  const worker = async (port: number, speech: Speech): Promise<void> => {
    while (performance.now() < until) {
      connections += 1;
      await connection(port, speech).catch(() => wait(10));
    }
  };
  await Promise.all(services.flatMap(({ port, speech }) => Array.from({ length: width }, () => worker(port, speech))));
  return connections;
}

/** A faulty server: picks one of these faults for each connection. */
const FAULTS: readonly ((socket: Socket) => void)[] = [
  (socket) => void socket.destroy(),
  (socket) => void socket.resetAndDestroy(),
  (socket) => void socket.end('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'),
  (socket) => void socket.once('data', () => socket.end(randomBytes(500))),
  (socket) => void socket.once('data', () => socket.resetAndDestroy()),
  (socket) => void socket.resume().on('end', () => socket.end()),
];

const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.setTimeout(LIMIT, () => socket.destroy()).on('error', () => {});
  FAULTS[randomInt(FAULTS.length)]!(socket);
});
server.listen(0, HOST, () => process.send?.({ faulty: (server.address() as AddressInfo).port }));
process.on('message', (round: Round) => void runRound(round).then((connections) => process.send?.({ connections })));
process.on('disconnect', () => process.exit());
