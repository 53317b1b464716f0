/**
 * Holds many connections between two processes, after one echo on each, and prints errors, seconds and memory.
 *
 *   npm run bench:held [-- --plain 19000] [-- --tls 10000] [-- --node PATH]
 *
 * Each process needs a file descriptor for each connection. If the limit of open files is too low, as many are held as it allows, and
 * the number is printed. The exit code is 1 after an error.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundle } from './bundle.ts';
import type { Closed, Held, HoldJob, Listening } from './held-child.ts';
import { Child } from './processes.ts';

const { values: options } = parseArgs({
  options: {
    plain: { type: 'string', default: '19000' },
    tls: { type: 'string', default: '10000' },
    node: { type: 'string', default: process.execPath },
  },
});

/** Descriptors of a process besides its connections. */
const RESERVED = 100;
const openFiles = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
const limit = openFiles === 'unlimited' ? Infinity : Number(openFiles) - RESERVED;

const file = await bundle(fileURLToPath(new URL('./held-child.ts', import.meta.url)));
const start = (role: string): Promise<Child> => Child.start([role], { file, node: options.node, timeout: 300 });

function countOf(kind: string, text: string): number {
  const wanted = Number(text);
  if (!Number.isInteger(wanted) || wanted < 1) throw new Error(`expected --${kind} to be a number from 1, got ${text}`);
  if (wanted <= limit) return wanted;
  console.log(`the limit of open files is ${openFiles}: ${limit} ${kind} connections instead of ${wanted}; raise it with ulimit -n`);
  return limit;
}

/** Returns the number of errors. */
async function hold(kind: 'plain' | 'tls', count: number): Promise<number> {
  const [server, client] = await Promise.all([start('server'), start('client')]);
  try {
    const tls = kind === 'tls';
    const { port } = (await server.ask({ act: 'open', tls, port: 0, count } satisfies HoldJob)) as Listening;
    const held = (await client.ask({ act: 'open', tls, port, count } satisfies HoldJob)) as Held;
    const accepted = (await server.ask({ act: 'count', tls, port, count } satisfies HoldJob)) as Held;
    const close: HoldJob = { act: 'close', tls, port, count };
    const closed = (await client.ask(close)) as Closed;
    const closedByServer = (await server.ask(close)) as Closed;
    const errors = [...closed.errors, ...closedByServer.errors];
    const missing = count - Math.min(held.held, accepted.held, closed.closed, closedByServer.closed);
    console.log(
      `${kind}: ${held.held} of ${count} held with one echo each, ${errors.length + missing} errors, ${held.seconds.toFixed(1)} s, ` +
        `RSS per connection: client ${held.rss.toFixed(0)}, server ${accepted.rss.toFixed(0)} bytes`,
    );
    for (const text of new Set(errors)) console.log(`  ${errors.filter((each) => each === text).length} × ${text}`);
    return errors.length + missing;
  } finally {
    await Promise.all([server.stop(), client.stop()]);
  }
}

const plain = await hold('plain', countOf('plain', options.plain));
const tls = await hold('tls', countOf('tls', options.tls));
process.exitCode = plain + tls > 0 ? 1 : 0;
