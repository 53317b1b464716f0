import { connect } from 'node:net';
import { IOStream } from 'rxjs-io-stream';
import { Clock } from '../clock.ts';
import { MIB, perSecond, type Job, type Outcome, type Program, type Row } from '../row.ts';

/** Runs until the peer has counted all bytes and replies. */
function sending(name: string, write: (io: IOStream, chunk: Buffer, job: Job, reject: (reason: unknown) => void) => void): Program {
  return {
    name,
    run: (job) =>
      new Promise<Outcome>((resolve, reject) => {
        const clock = new Clock();
        let outcome: Outcome;
        const io = new IOStream({ host: '127.0.0.1', port: job.port });
        io.data$.subscribe({
          next: () => {
            outcome = clock.stop(job.units);
            io.close();
          },
          error: reject,
        });
        io.closed$.subscribe(() => resolve(outcome));
        write(io, Buffer.alloc(job.chunk, 'x'), job, reject);
      }),
  };
}

const byWrite = sending('write()', (io, chunk, { units }) => {
  let remaining = units;
  io.output.blocked$.subscribe((blocked) => {
    if (blocked) return;
    let more = true;
    while (more && remaining > 0) {
      remaining -= chunk.length;
      more = io.write(chunk);
    }
  });
});

const bySource = sending('send()', (io, chunk, { units }, reject) => {
  function* chunks(): Iterable<Buffer> {
    for (let remaining = units; remaining > 0; remaining -= chunk.length) yield chunk;
  }
  io.send(chunks()).subscribe({ error: reject });
});

const raw: Program = {
  name: 'net',
  run: ({ port, units, chunk }: Job) =>
    new Promise<Outcome>((resolve, reject) => {
      const clock = new Clock();
      const bytes = Buffer.alloc(chunk, 'x');
      let remaining = units;
      let outcome: Outcome;
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      const pump = (): void => {
        let more = true;
        while (more && remaining > 0) {
          remaining -= chunk;
          more = socket.write(bytes);
        }
      };
      socket.on('drain', pump);
      socket.on('data', () => {
        outcome = clock.stop(units);
        socket.end();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(outcome));
      pump();
    }),
};

function send(by: 'send' | 'send-source', size: string, chunk: number): Row {
  const ours = by === 'send' ? byWrite : bySource;
  return {
    name: `${by}-${size.replace(/ (.)iB/, '$1').toLowerCase()}`,
    title: `send, ${size} chunks, ${ours.name}`,
    programs: [ours, raw],
    peer: 'sink',
    work: { connections: 1, chunk },
    start: 128 * MIB,
    unit: { name: 'MiB', size: MIB },
    figures: [perSecond('MiB', MIB, 1, 'cpu')],
  };
}

export const send64k: Row = send('send', '64 KiB', 64 * 1024);
export const send1m: Row = send('send', '1 MiB', MIB);
export const sendSource64k: Row = send('send-source', '64 KiB', 64 * 1024);
export const sendSource1m: Row = send('send-source', '1 MiB', MIB);
