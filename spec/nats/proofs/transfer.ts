import type { NatsConnection } from '@nats-io/transport-node';
import { randomBytes } from 'node:crypto';
import { IOStream, type Server } from '../../../src/index.ts';
import { nats } from '../../../src/nats/nats.ts';
import { natsListen } from '../../../src/nats/nats-listen.ts';
import type { MessageKeepAlive } from '../../../src/messages/message-options.ts';

/** The bytes of all transfers repeat with this period, a prime: bytes that are lost, doubled or reordered do not fit. */
const PERIOD = 65_521;
const PATTERN = randomBytes(PERIOD);
const TWICE = Buffer.concat([PATTERN, PATTERN]);

/** Bytes of one chunk that is written. */
const CHUNK = 32 * 1024;

/** How a transfer ended: 'whole', 'short', 'wrong', or the code of an error. */
export type Outcome = string;

/** Checks the bytes of one stream as they are received. */
class Checker {
  bytes = 0;
  isWrong = false;

  add(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const start = (this.bytes + at) % PERIOD;
      const part = chunk.subarray(at, at + PERIOD);
      this.isWrong ||= TWICE.compare(part, 0, part.length, start, start + part.length) !== 0;
      at += part.length;
    }
    this.bytes += chunk.length;
  }
}

function* chunksOf(length: number): Generator<Uint8Array> {
  for (let at = 0; at < length; at += CHUNK) {
    const start = at % PERIOD;
    yield TWICE.subarray(start, start + Math.min(CHUNK, length - at));
  }
}

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? String(error);

/** The outcomes of all transfers that a listener has received, by their count. */
export type Outcomes = Record<Outcome, number>;

const count = (outcomes: Outcomes, outcome: Outcome): void => void (outcomes[outcome] = (outcomes[outcome] ?? 0) + 1);

/** Receives transfers of `length` bytes, and checks each byte. Resolves when NATS has the subscription. */
export function receiveTransfers(connection: NatsConnection, subject: string, length: number, keepAlive: MessageKeepAlive) {
  const received: Outcomes = {};
  const facts = { bytes: 0 };
  return new Promise<{ received: Outcomes; facts: { bytes: number }; server: Server; stop(): void }>((resolve, reject) => {
    const serving = natsListen({ connection, subject, keepAlive }).subscribe({
      error: reject,
      next: (server) => {
        server.errors$.subscribe();
        server.connections$.subscribe((io) => {
          const checker = new Checker();
          io.data$.subscribe({
            next: (chunk) => {
              checker.add(chunk);
              facts.bytes += chunk.length;
            },
            error: (error: unknown) => count(received, checker.isWrong ? 'wrong' : codeOf(error)),
            complete: () => count(received, checker.isWrong ? 'wrong' : checker.bytes === length ? 'whole' : 'short'),
          });
        });
        resolve({ received, facts, server: server as unknown as Server, stop: () => serving.unsubscribe() });
      },
    });
  });
}

/** Sends one transfer. Resolves with 'whole' if the peer has read all and both directions have ended. */
export function sendTransfer(connection: NatsConnection, subject: string, length: number, keepAlive: MessageKeepAlive): Promise<Outcome> {
  return new Promise((resolve) => {
    const io = new IOStream({ wire: nats({ connection, subject, keepAlive }), timeouts: { connect: 1000 } });
    let sent = 0;
    io.data$.subscribe({ error: () => undefined });
    io.send(chunksOf(length)).subscribe({ next: (bytes) => (sent = bytes), error: () => undefined, complete: () => io.end() });
    io.closed$.subscribe(({ by, error }) => resolve(by === 'error' ? codeOf(error) : sent === length ? 'whole' : 'short'));
  });
}

/** Runs transfers, `width` at a time, until `total` have been whole or `isOver` returns true. Failed ones are repeated. */
export async function runTransfers(
  width: number,
  total: number,
  send: () => Promise<Outcome>,
  isOver: () => boolean = () => false,
): Promise<Outcomes> {
  const outcomes: Outcomes = {};
  let remaining = total;
  const worker = async (): Promise<void> => {
    while (remaining > 0 && !isOver()) {
      remaining -= 1;
      const outcome = await send();
      count(outcomes, outcome);
      if (outcome === 'whole') continue;
      remaining += 1;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return outcomes;
}

/** The same connection, as if its server took messages of at most `bytes`. Calls `onPublish` with each message. */
export function withMaxPayload(connection: NatsConnection, bytes: number, onPublish: () => void): NatsConnection {
  return Object.create(connection, {
    info: { get: () => connection.info && { ...connection.info, max_payload: bytes } },
    publish: {
      value: (...args: Parameters<NatsConnection['publish']>) => {
        onPublish();
        connection.publish(...args);
      },
    },
  }) as NatsConnection;
}
