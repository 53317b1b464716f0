import { connect } from 'node:net';
import { IOStream } from 'rxjs-io-stream';
import { Clock } from '../clock.ts';
import { MIB, perSecond, type Job, type Outcome, type Program, type Row } from '../row.ts';

type Plugins = NonNullable<ConstructorParameters<typeof IOStream>[0]['plugin']>;

/** Writes, and counts the bytes that come back, on all connections at once. */
export function echoing(name: string, plugin: Plugins = {}): Program {
  return {
    name,
    run: (job) =>
      onAll(job, (chunk, share, reject) => {
        const io = new IOStream({ host: '127.0.0.1', port: job.port, plugin });
        let unsent = share;
        let remaining = share;
        return new Promise((back) => {
          io.data$.subscribe({
            next: (bytes) => {
              remaining -= bytes.length;
              if (remaining === 0) back(() => closing(io));
            },
            error: reject,
          });
          io.output.blocked$.subscribe((blocked) => {
            if (blocked) return;
            let more = true;
            while (more && unsent > 0) {
              unsent -= chunk.length;
              more = io.write(chunk);
            }
          });
        });
      }),
  };
}

export const rawEcho: Program = {
  name: 'net',
  run: (job) =>
    onAll(job, (chunk, share, reject) => {
      const socket = connect({ host: '127.0.0.1', port: job.port, noDelay: true });
      let unsent = share;
      let remaining = share;
      return new Promise((back) => {
        const pump = (): void => {
          let more = true;
          while (more && unsent > 0) {
            unsent -= chunk.length;
            more = socket.write(chunk);
          }
        };
        socket.on('data', (bytes) => {
          remaining -= bytes.length;
          if (remaining === 0) back(() => new Promise((closed) => socket.on('close', closed).end()));
        });
        socket.on('drain', pump);
        socket.on('error', reject);
        pump();
      });
    }),
};

function closing(io: IOStream): Promise<unknown> {
  return new Promise((closed) => {
    io.closed$.subscribe(closed);
    io.close();
  });
}

/** Each connection carries its share, and resolves to a function that closes it. Closing is not measured. */
async function onAll(
  { units, chunk, connections }: Job,
  one: (chunk: Buffer, share: number, reject: (reason: unknown) => void) => Promise<() => Promise<unknown>>,
): Promise<Outcome> {
  const bytes = Buffer.alloc(chunk, 'x');
  const clock = new Clock();
  const closers = await new Promise<(() => Promise<unknown>)[]>((resolve, reject) => {
    Promise.all(Array.from({ length: connections }, () => one(bytes, units / connections, reject))).then(resolve, reject);
  });
  const outcome = clock.stop(units);
  await Promise.all(closers.map((close) => close()));
  return outcome;
}

export function echoRow(name: string, title: string, programs: readonly [Program, Program], connections: number): Row {
  return {
    name,
    title,
    programs,
    peer: 'echo',
    work: { connections, chunk: 64 * 1024 },
    start: connections * 64 * 1024 * Math.ceil(1000 / connections),
    unit: { name: 'MiB', size: MIB },
    figures: [perSecond('MiB', MIB, 1, 'cpu')],
  };
}

export const echo1: Row = echoRow('echo-1', 'bulk echo, 1 connection', [echoing('ours'), rawEcho], 1);
export const echo100: Row = echoRow('echo-100', 'bulk echo, 100 connections', [echoing('ours'), rawEcho], 100);
