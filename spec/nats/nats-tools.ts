import { connect, type NodeConnectionOptions, type NatsConnection } from '@nats-io/transport-node';
import { randomBytes } from 'node:crypto';
import { firstValueFrom, toArray, type Subscription } from 'rxjs';
import type { IOStream } from '../../src/stream/io-stream.ts';
import type { Handler } from '../../src/stream/run-handler.ts';
import type { Server } from '../../src/stream/server.ts';
import { natsListen } from '../../src/nats/nats-listen.ts';
import type { NatsListenOptions } from '../../src/nats/nats-listen-options.ts';
import type { Harness } from '../support/harness.ts';

/** Connects to NATS. The connection is closed at the end of the spec. */
export async function natsClient(h: Harness, servers: string | string[], options: NodeConnectionOptions = {}): Promise<NatsConnection> {
  const connection = await connect({ servers, reconnectTimeWait: 100, ...options });
  h.defer(() => connection.close());
  return connection;
}

/** A subject that no other spec uses. */
export function newSubject(): string {
  return `spec.${randomBytes(8).toString('hex')}`;
}

/** A listener that runs. */
export interface Listening {
  readonly server: Server;
  readonly subscription: Subscription;
}

/** Listens, and resolves when NATS has the subscription. Unsubscribed at the end of the spec. */
export async function listening(h: Harness, options: NatsListenOptions, handler?: Handler): Promise<Listening> {
  const listener$ = natsListen(options, handler);
  let subscription: Subscription | undefined;
  const server = await new Promise<Server>((resolve, reject) => {
    subscription = listener$.subscribe({ next: resolve, error: reject });
    h.defer(() => subscription?.unsubscribe());
  });
  return { server, subscription: subscription! };
}

/** The number of subscriptions that the server has of a connection, after all that was sent before. */
export async function subscriptionsOf(connection: NatsConnection): Promise<number> {
  await connection.flush();
  return (connection as unknown as { protocol: { subscriptions: { size(): number } } }).protocol.subscriptions.size();
}

/** Resolves with all bytes of a stream that ends. */
export async function bytesOf(io: IOStream): Promise<Buffer> {
  return Buffer.concat(await firstValueFrom(io.data$.pipe(toArray())));
}
