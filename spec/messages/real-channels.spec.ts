import { fork, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import { filter, fromEvent, map } from 'rxjs';
import { describe, expect } from 'vitest';
import { WebSocket as WsSocket, WebSocketServer } from 'ws';
import type { ChannelEnd } from '../../src/messages/channel-port.ts';
import { overMessages } from '../../src/messages/over-messages.ts';
import { connect } from '../../src/stream/connect.ts';
import { IOStream } from '../../src/stream/io-stream.ts';
import { checkWire } from '../../src/testing/rules/check-wire.ts';
import { wirePeer } from '../../src/testing/rules/wire-peer.ts';
import type { WireUnderTest } from '../../src/testing/rules/wire/wire-under-test.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { overPort, overProcess, overWebSocket, type AnyWebSocket } from './channels.ts';

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
/** Runs `echo.ts`: Node 20 does not apply `--import tsx` to workers. */
const ECHO_WORKER = `import('tsx/esm/api').then(({ register }) => (register(), import(${JSON.stringify(file('./echo.ts'))})))`;
const timeout = { timeout: 90_000 };

type Ends = readonly [ChannelEnd, ChannelEnd];

function underTest([near, far]: Ends): WireUnderTest {
  return { wire: overMessages(near), dial: testDial(), peer: () => wirePeer(overMessages(far), testDial()) };
}

async function checkChannels(make: () => Ends | Promise<Ends>): Promise<void> {
  const report = await checkWire(async () => underTest(await make()), { singleUse: true, sentEvery: 256 * 1024, timeout: 20_000 });
  report.assert();
}

/** Ends a child, unless it has ended. */
async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** A server of `ws`, and a function that connects a WebSocket to it. */
async function webSockets(h: Harness): Promise<(Socket: new (url: string) => AnyWebSocket) => Promise<Ends>> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  h.defer(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return async (Socket) => {
    const accepting = once(server, 'connection') as Promise<[WsSocket]>;
    const near = new Socket(url);
    await new Promise((resolve) => near.addEventListener('open', resolve));
    const [far] = await accepting;
    return [overWebSocket(near), overWebSocket(far as never)];
  };
}

/** Channels between two ends in this process, whose messages all pass the IPC channel of a child. */
function bouncedChannels(child: ChildProcess): () => Ends {
  interface Envelope {
    readonly channel: number;
    readonly to: 0 | 1;
    readonly message: Uint8Array;
  }
  let channels = 0;
  return () => {
    const channel = (channels += 1);
    const end = (own: 0 | 1): ChannelEnd => ({
      send: (message) => child.send({ channel, to: 1 - own, message }),
      messages$: fromEvent(child, 'message', (envelope: unknown) => envelope as Envelope).pipe(
        filter((each) => each.channel === channel && each.to === own),
        map(({ message }) => message),
      ),
    });
    return [end(0), end(1)];
  };
}

/** Sends 64 MiB over a channel, and compares the hash of what comes back. */
async function transfers(channel: ChannelEnd): Promise<void> {
  const chunk = randomBytes(1024 * 1024);
  const [sent, received] = [createHash('sha256'), createHash('sha256')];
  const io = new IOStream({ wire: overMessages(channel) });
  let bytes = 0;
  const receiving = new Promise<void>((resolve, reject) => {
    io.data$.subscribe({
      next: (each) => {
        received.update(each);
        bytes += each.length;
      },
      error: reject,
      complete: resolve,
    });
  });
  function* chunks(): Generator<Uint8Array> {
    for (let n = 0; n < 64; n += 1) {
      sent.update(chunk);
      yield chunk;
    }
  }
  io.send(chunks()).subscribe({ complete: () => io.end(), error: () => {} });
  await receiving;
  expect(bytes).toBe(64 * 1024 * 1024);
  expect(received.digest('hex')).toBe(sent.digest('hex'));
}

describe('overMessages keeps the rules of a wire', () => {
  spec(
    'over a MessagePort',
    async () => {
      await checkChannels(() => {
        const { port1, port2 } = new MessageChannel();
        return [overPort(port1), overPort(port2)];
      });
    },
    timeout,
  );

  spec(
    'over process.send',
    async (h) => {
      const child = fork(file('./bounce.mjs'), { serialization: 'advanced', execArgv: [] });
      child.setMaxListeners(0);
      h.defer(() => killed(child));
      child.send('are you there?');
      await once(child, 'message');
      await checkChannels(bouncedChannels(child));
    },
    timeout,
  );

  spec(
    'over a WebSocket of ws',
    async (h) => {
      const dial = await webSockets(h);
      await checkChannels(() => dial(WsSocket as never));
    },
    timeout,
  );

  spec.skipIf(!('WebSocket' in globalThis))(
    'over the global WebSocket',
    async (h) => {
      const dial = await webSockets(h);
      await checkChannels(() => dial(WebSocket));
    },
    timeout,
  );
});

describe('overMessages carries 64 MiB to the other end and back', () => {
  spec(
    'over a MessagePort to a worker',
    async (h) => {
      const { port1, port2 } = new MessageChannel();
      const worker = new Worker(ECHO_WORKER, { eval: true, workerData: port2, transferList: [port2], execArgv: [] });
      h.defer(() => worker.terminate());
      await transfers(overPort(port1));
    },
    timeout,
  );

  spec(
    'over process.send to a child',
    async (h) => {
      const child = fork(file('./echo.ts'), { serialization: 'advanced', execArgv: ['--import', 'tsx'] });
      h.defer(() => killed(child));
      await transfers(overProcess(child));
    },
    timeout,
  );

  spec(
    'over a WebSocket of ws',
    async (h) => {
      const dial = await webSockets(h);
      const [near, far] = await dial(WsSocket as never);
      connect({ wire: overMessages(far) }, (io) => io.send(io)).subscribe();
      await transfers(near);
    },
    timeout,
  );
});
