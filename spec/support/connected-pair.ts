import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { fromFh } from '../../src/wire/fh/fh.ts';
import type { Plugin, Target, Wire } from '../../src/wire/signal.ts';
import { tcp } from '../../src/wire/tcp.ts';
import type { Harness } from './harness.ts';
import { dialOf, WireDriver } from './wire-driver.ts';

/** The kinds of connections between two wires, for `describe.each`. */
export const CONNECTIONS = ['memory pair', 'socket'] as const;
export type ConnectionKind = (typeof CONNECTIONS)[number];

/** Both ends of one connection. */
export interface ConnectedPair {
  readonly near: WireDriver;
  readonly far: WireDriver;
}

/** Two wires that connect to each other. */
export interface WirePair {
  readonly wire: Wire;
  /** The target of `wire`. */
  readonly to: Target;
  /** Resolves to the wire of the other end when `wire` is subscribed. */
  readonly accepted: Promise<Wire>;
}

/** Creates two wires that connect to each other. */
export async function wirePair(h: Harness, kind: ConnectionKind): Promise<WirePair> {
  if (kind === 'memory pair') {
    const [wire, other] = memoryPair();
    return { wire, to: { host: '127.0.0.1', port: 7 }, accepted: Promise.resolve(other) };
  }
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  h.defer(() => server.close());
  await once(server, 'listening');
  const accepted = (once(server, 'connection') as Promise<[Socket]>).then(([socket]) => fromFh(socket));
  const { port } = server.address() as AddressInfo;
  return { wire: tcp(), to: { host: '127.0.0.1', port }, accepted };
}

/** Dials through one plugin, accepts through the other, and waits until both ends are connected. */
export async function connectedPair(h: Harness, kind: ConnectionKind, plugin: Plugin, counterpart: Plugin): Promise<ConnectedPair> {
  const { wire, to, accepted } = await wirePair(h, kind);
  const near = new WireDriver(h, plugin(wire), { ...dialOf(), to });
  const far = new WireDriver(h, counterpart(await accepted));
  await Promise.all([near.waitFor('connected'), far.waitFor('connected')]);
  return { near, far };
}
