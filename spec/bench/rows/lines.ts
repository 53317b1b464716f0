import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { IOStream, lines } from 'rxjs-io-stream';
import { Clock } from '../clock.ts';
import { MIB, perSecond, type Job, type Outcome, type Program, type Row } from '../row.ts';

const LINE = 100;

/** A server that writes as many lines as the first bytes of a client request. Exits when stdin ends. */
const SOURCE = `
  const chunk = Buffer.from(('x'.repeat(${LINE - 1}) + '\\n').repeat(655));
  const server = require('node:net').createServer((socket) => socket.on('error', () => {}).once('data', (asked) => {
    let remaining = Number(asked) * ${LINE};
    const pump = () => {
      for (let more = true; more && remaining > 0; remaining -= chunk.length) more = socket.write(remaining < chunk.length ? chunk.subarray(0, remaining) : chunk);
    };
    socket.on('drain', pump);
    pump();
  }));
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
  process.stdin.on('end', () => process.exit()).resume();
`;

/** The port of the source: a process of its own, one for each program. */
let source: Promise<number> | undefined;

async function start(): Promise<number> {
  const child = spawn(process.execPath, ['-e', SOURCE], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  child.unref();
  return Number(port);
}

/** Runs `read` until it has read all lines. */
async function run({ units }: Job, read: (port: number, line: (text: string) => void) => () => void): Promise<Outcome> {
  source ??= start();
  const port = await source;
  return new Promise((resolve) => {
    const clock = new Clock();
    let remaining = units;
    const close = read(port, (text) => {
      if (text.length !== LINE - 1) throw new Error(`expected a line of ${LINE - 1}, got ${text.length}`);
      remaining -= 1;
      if (remaining > 0) return;
      const outcome = clock.stop(units);
      close();
      resolve(outcome);
    });
  });
}

const ours: Program = {
  name: 'lines',
  run: (job) =>
    run(job, (port, line) => {
      const io = new IOStream({ host: '127.0.0.1', port });
      io.data$.pipe(lines({ maxLength: 1024 }).decode()).subscribe(line);
      io.write(String(job.units));
      return () => io.close();
    }),
};

const readline: Program = {
  name: 'readline',
  run: (job) =>
    run(job, (port, line) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      createInterface({ input: socket, crlfDelay: Infinity }).on('line', line);
      socket.write(String(job.units));
      return () => socket.destroy();
    }),
};

export const lines100: Row = {
  name: 'lines',
  title: 'lines of 100 bytes',
  programs: [ours, readline],
  work: { connections: 1, chunk: LINE },
  start: 100_000,
  unit: { name: 'MiB', size: MIB / LINE },
  figures: [perSecond('lines', 1, 2)],
};
