import { connect, type Socket } from 'node:net';
import { IOStream, relay } from 'rxjs-io-stream';
import { Clock } from '../clock.ts';
import { MIB, perSecond, type Job, type Outcome, type Program, type Row } from '../row.ts';

/** Joins two ends that write to each other as fast as they can. Completes when both have ended. */
const ours: Program = {
  name: 'relay()',
  run: ({ port, units }: Job) =>
    new Promise<Outcome>((resolve, reject) => {
      const clock = new Clock();
      const [a, b] = [new IOStream({ host: '127.0.0.1', port }), new IOStream({ host: '127.0.0.1', port })];
      relay(a, b).subscribe({ error: reject, complete: () => resolve(clock.stop(units)) });
    }),
};

const raw: Program = {
  name: 'a.pipe(b).pipe(a)',
  run: ({ port, units }: Job) =>
    new Promise<Outcome>((resolve, reject) => {
      const clock = new Clock();
      let open = 2;
      const end = (): Socket =>
        connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true })
          .on('error', reject)
          .on('close', () => {
            open -= 1;
            if (open === 0) resolve(clock.stop(units));
          });
      const [a, b] = [end(), end()];
      a.pipe(b).pipe(a);
    }),
};

export const relayed: Row = {
  name: 'relay',
  title: 'relay between two raw ends, both ways',
  programs: [ours, raw],
  peer: 'talker',
  work: { connections: 2, chunk: 64 * 1024 },
  start: 128 * MIB,
  // Ours needs 0.6 s of user CPU until it is compiled. A relay is made for connections that last.
  warmUp: 5,
  unit: { name: 'MiB', size: MIB },
  figures: [perSecond('MiB', MIB, 1, 'cpu')],
};
