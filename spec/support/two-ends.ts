import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { fromFh } from '../../src/wire/fh/fh.ts';
import type { Plugin, Target, Wire } from '../../src/wire/signal.ts';
import { tcp } from '../../src/wire/tcp.ts';
import { WireDriver, dialOf } from './carry.ts';
import type { Harness } from './harness.ts';

/** What joins two ends, for `describe.each`. */
export const CARRIERS = ['memory pair', 'socket'] as const;
export type CarrierKind = (typeof CARRIERS)[number];

/** A wire in use that counts as it goes: for transfers that are too long to be added up anew at each look. */
export class Counted extends WireDriver {
  /** Bytes that were given down. */
  given = 0;
  #seen = 0;
  #received = 0;
  #sent = 0;
  #paused = false;

  override write(bytes: string | Uint8Array): void {
    this.given += Buffer.byteLength(bytes);
    super.write(bytes);
  }

  /** Bytes that came up. */
  get received(): number {
    return this.#look().#received;
  }

  /** Bytes that were told to be sent. */
  override get sent(): number {
    return this.#look().#sent;
  }

  /** Whether we are asked to give nothing. */
  get isPaused(): boolean {
    return this.#look().#paused;
  }

  #look(): this {
    const { values } = this.up;
    for (let signal = values[this.#seen]; signal; signal = values[++this.#seen]) {
      if (signal.kind === 'data') this.#received += signal.bytes.length;
      else if (signal.kind === 'sent') this.#sent += signal.bytes;
      else if (signal.kind === 'pause' || signal.kind === 'resume') this.#paused = signal.kind === 'pause';
    }
    return this;
  }
}

/** Both ends of one connection, as the applications see it. */
export interface ConnectedPair {
  readonly near: Counted;
  readonly far: Counted;
}

/** A wire that dials the target, and the wire of whoever is dialled; the second is there once the first is subscribed. */
export async function joined(h: Harness, kind: CarrierKind): Promise<{ wire: Wire; to: Target; accepted: Promise<Wire> }> {
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

/** Dials with one plugin, accepts with the other, and waits until both are connected. */
export async function connectedPair(h: Harness, kind: CarrierKind, plugin: Plugin, counterpart: Plugin): Promise<ConnectedPair> {
  const { wire, to, accepted } = await joined(h, kind);
  const near = new Counted(h, plugin(wire), { ...dialOf(), to });
  const far = new Counted(h, counterpart(await accepted));
  await Promise.all([near.saw('connected'), far.saw('connected')]);
  return { near, far };
}
