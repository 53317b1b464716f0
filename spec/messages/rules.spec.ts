import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { fromEvent, map } from 'rxjs';
import { asyncScheduler, merge, take, takeUntil } from 'rxjs';
import { describe } from 'vitest';
import { WebSocketServer, WebSocket } from 'ws';
import { overMessages } from '../../src/messages/over-messages.ts';
import type { ChannelEnd } from '../../src/messages/channel-port.ts';
import { checkWire } from '../../src/testing/rules/check-wire.ts';
import { wirePeer } from '../../src/testing/rules/wire-peer.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { spec } from '../support/spec.ts';
import { testChannel } from './message-tools.ts';

void fork;
void once;
void merge;
void take;
void takeUntil;
void WebSocketServer;
void WebSocket;
type _C = ChildProcess;

const overPort = (port: MessagePort): ChannelEnd => ({
  send: (message) => port.postMessage(message),
  messages$: fromEvent(port, 'message').pipe(map((event) => (event as MessageEvent<Uint8Array>).data)),
  close: () => port.close(),
});

describe('overMessages', () => {
  for (const when of ['later', 'inside'] as const)
    spec(
      `keeps the rules of a wire over a channel that delivers ${when}`,
      async () => {
        const make = () => {
          const { ends } = testChannel({ scheduler: asyncScheduler, when });
          return { wire: overMessages(ends[0]), dial: testDial(), peer: () => wirePeer(overMessages(ends[1]), testDial()) };
        };
        const report = await checkWire(make, { singleUse: true, sentEvery: 256 * 1024 });
        console.log(String(report));
        report.assert();
      },
      { timeout: 60_000 },
    );

  spec(
    'keeps the rules of a wire over a MessagePort',
    async () => {
      const make = () => {
        const { port1, port2 } = new MessageChannel();
        return {
          wire: overMessages(overPort(port1)),
          dial: testDial(),
          peer: () => wirePeer(overMessages(overPort(port2)), testDial()),
          free: () => {
            port1.close();
          },
        };
      };
      const report = await checkWire(make, { singleUse: true, sentEvery: 256 * 1024 });
      console.log(String(report));
      report.assert();
    },
    { timeout: 60_000 },
  );
});
