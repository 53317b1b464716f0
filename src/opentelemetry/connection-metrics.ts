import type { Attributes } from '@opentelemetry/api';
import type { ClosedMessage, ConnectedMessage, ErrorMessage } from './messages.ts';
import type { Connection } from '../stream/connection.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import { errorType, networkType, socketPeer } from './attributes.ts';
import type { OpenConnection, RoleMetrics } from './role-metrics.ts';

/** The metrics of one connection: open from `connected` to `closed`. */
export class ConnectionMetrics implements OpenConnection {
  readonly #role: RoleMetrics;
  #connection: Connection | undefined;
  #received = 0;
  #sent = 0;
  attributes: Attributes;

  /** @param attributes those of every metric of the connection. */
  constructor(role: RoleMetrics, attributes: Attributes) {
    this.#role = role;
    this.attributes = attributes;
  }

  connected(message: ConnectedMessage): void {
    const type = networkType(socketPeer(message).remoteAddress);
    if (type !== undefined) this.attributes = { ...this.attributes, 'network.transport': 'tcp', 'network.type': type };
    this.#connection = internalsOf(message.stream);
    this.#role.instruments.createTime.record(message.duration / 1000, this.attributes);
    this.#role.add(this);
  }

  error({ error }: ErrorMessage): void {
    this.#role.instruments.errors.add(1, { ...this.attributes, 'error.type': errorType(error) });
  }

  closed({ report }: ClosedMessage): void {
    const { bytesIn, bytesOut, connectedAt, closedAt } = report;
    this.#count(bytesIn, bytesOut);
    if (this.#role.delete(this) && connectedAt !== undefined)
      this.#role.instruments.duration.record((closedAt - connectedAt) / 1000, this.attributes);
  }

  get pending(): number {
    return this.#connection?.writes.pending ?? 0;
  }

  countBytes(): void {
    if (this.#connection) this.#count(this.#connection.lifetime.bytesIn, this.#connection.writes.sent);
  }

  #count(received: number, sent: number): void {
    const { io } = this.#role.instruments;
    if (received > this.#received) io.add(received - this.#received, { ...this.attributes, 'network.io.direction': 'receive' });
    if (sent > this.#sent) io.add(sent - this.#sent, { ...this.attributes, 'network.io.direction': 'transmit' });
    this.#received = received;
    this.#sent = sent;
  }
}
