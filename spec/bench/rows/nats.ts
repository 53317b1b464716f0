import { connect, type NatsConnection } from '@nats-io/transport-node';
import { IOStream } from 'rxjs-io-stream';
import { nats, natsListen } from 'rxjs-io-stream/nats';
import { programOf } from '../../interop/peers.ts';
import { startBroker, type Broker } from '../../interop/peers/nats.ts';
import { Clock } from '../clock.ts';
import { MIB, perSecond, type Job, type Outcome, type Program, type Row } from '../row.ts';

/** Bytes that raw nats.js publishes before it waits for the server: it has no backpressure. */
const BATCH = 4 * MIB;

let broker: Promise<Broker> | undefined;

/** Two connections to a broker of this process, which ends with it. */
async function connections(): Promise<[NatsConnection, NatsConnection]> {
  const { url } = await (broker ??= startBroker());
  return [await connect({ servers: url }), await connect({ servers: url })];
}

/** Counts bytes, and compares each with what was sent. */
function checker(chunk: number, units: number, onEnd: () => void): (bytes: Uint8Array) => void {
  const expected = Buffer.alloc(2 * chunk, 'x');
  let remaining = units;
  return (bytes) => {
    if (expected.compare(bytes, 0, bytes.length, 0, bytes.length) !== 0) throw new Error('expected the bytes that were sent');
    remaining -= bytes.length;
    if (remaining <= 0) onEnd();
  };
}

const overNats: Program = {
  name: 'nats',
  async run({ units, chunk }: Job) {
    const [near, far] = await connections();
    const outcome = await new Promise<Outcome>((resolve, reject) => {
      let clock: Clock;
      const serving = natsListen({ connection: far, subject: 'bench' }).subscribe((server) => {
        server.connections$.subscribe((io) => {
          const check = checker(chunk, units, () => {
            resolve(clock.stop(units));
            serving.unsubscribe();
          });
          io.data$.subscribe({ next: check, error: reject });
        });
        const io = new IOStream({ wire: nats({ connection: near, subject: 'bench' }) });
        io.data$.subscribe({ error: () => undefined });
        clock = new Clock();
        const bytes = Buffer.alloc(chunk, 'x');
        let remaining = units;
        io.output.blocked$.subscribe((isBlocked) => {
          let more = !isBlocked;
          while (more && remaining > 0) {
            remaining -= chunk;
            more = io.write(bytes);
          }
        });
      });
    });
    await Promise.all([near.close(), far.close()]);
    return outcome;
  },
};

const rawNats: Program = {
  name: 'nats.js',
  async run({ units, chunk }: Job) {
    const [near, far] = await connections();
    const bytes = Buffer.alloc(chunk, 'x');
    const received = new Promise<void>((resolve) => {
      const check = checker(chunk, units, resolve);
      far.subscribe('bench', { callback: (_, { data }) => check(data) });
    });
    await far.flush();
    const clock = new Clock();
    for (let sent = 0; sent < units; sent += chunk) {
      near.publish('bench', bytes);
      if (sent % BATCH === 0) await near.flush();
    }
    await received;
    const outcome = clock.stop(units);
    await Promise.all([near.close(), far.close()]);
    return outcome;
  },
};

/** A stream through a broker, against messages of the same size through it. */
export const natsBulk: Row = {
  name: 'nats',
  title: 'one stream through NATS, one way, both ends',
  programs: [overNats, rawNats],
  work: { connections: 1, chunk: 64 * 1024 },
  start: 64 * MIB,
  unit: { name: 'MiB', size: MIB },
  figures: [perSecond('MiB', MIB, 0.5, 'cpu')],
  missing: () => (programOf('nats-server') === undefined ? 'nats-server is not installed' : undefined),
};
