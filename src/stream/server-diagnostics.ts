import { channelsOf } from '../util/diagnostics-channel.ts';
import type { DrainReport } from './drain.ts';
import type { ServerMessages } from './server-messages.ts';

type Messages = ServerMessages<object, object>;

/** The other end of a connection that was accepted or dropped. */
export interface Peer {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

const channel = /* @__PURE__ */ channelsOf<Messages>();

// Each function below publishes one kind of message, and does nothing without a subscriber.

const LISTENING = /* @__PURE__ */ channel('server:listening');

export function publishListening(server: Pick<Messages['server:listening'], 'address'>): void {
  if (LISTENING.hasSubscribers) LISTENING.publish({ server, address: server.address });
}

const ACCEPT = /* @__PURE__ */ channel('server:accept');

export function publishAccept(server: object, { id, io }: { readonly id: number; readonly io: object }, peer: Peer): void {
  if (!ACCEPT.hasSubscribers) return;
  ACCEPT.publish({ server, id, stream: io, remoteAddress: peer.remoteAddress, remotePort: peer.remotePort });
}

const DROP = /* @__PURE__ */ channel('server:drop');

export function publishDrop(server: object, rule: string, count: number, peer: Peer): void {
  if (DROP.hasSubscribers) DROP.publish({ server, rule, count, remoteAddress: peer.remoteAddress, remotePort: peer.remotePort });
}

const DRAIN = /* @__PURE__ */ channel('server:drain');

export function publishDrain(server: object, report: DrainReport): void {
  if (DRAIN.hasSubscribers) DRAIN.publish({ server, report });
}

const CLOSED = /* @__PURE__ */ channel('server:closed');

export function publishServerClosed(server: object): void {
  if (CLOSED.hasSubscribers) CLOSED.publish({ server });
}
