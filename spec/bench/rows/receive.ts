import { connect } from 'node:net';
import { IOStream } from 'rxjs-io-stream';
import { Clock } from '../clock.ts';
import { MIB, perSecond, type Job, type Outcome, type Program, type Row } from '../row.ts';

const ours: Program = {
  name: 'data$',
  run: ({ port, units }: Job) =>
    new Promise<Outcome>((resolve, reject) => {
      const clock = new Clock();
      let remaining = units;
      let outcome: Outcome;
      const io = new IOStream({ host: '127.0.0.1', port });
      io.data$.subscribe({
        next: (chunk) => {
          remaining -= chunk.length;
          if (remaining > 0) return;
          outcome = clock.stop(units);
          io.close();
        },
        error: reject,
      });
      io.closed$.subscribe(() => resolve(outcome));
    }),
};

const raw: Program = {
  name: 'net',
  run: ({ port, units }: Job) =>
    new Promise<Outcome>((resolve, reject) => {
      const clock = new Clock();
      let remaining = units;
      let outcome: Outcome;
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      socket.on('data', (chunk) => {
        remaining -= chunk.length;
        if (remaining > 0) return;
        outcome = clock.stop(units);
        socket.end();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(outcome));
    }),
};

function receive(size: string, chunk: number): Row {
  return {
    name: `receive-${size.replace(/ (.)iB/, '$1').toLowerCase()}`,
    title: `receive, ${size} chunks`,
    programs: [ours, raw],
    peer: 'source',
    work: { connections: 1, chunk },
    start: 128 * MIB,
    unit: { name: 'MiB', size: MIB },
    figures: [perSecond('MiB', MIB, 1, 'cpu')],
  };
}

export const receive64k: Row = receive('64 KiB', 64 * 1024);
export const receive1m: Row = receive('1 MiB', MIB);
