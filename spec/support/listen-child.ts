/**
 * A program that listens on what it has inherited, and echoes.
 *
 *   node --import tsx listen-child.ts OPTIONS…
 *
 * OPTIONS: options of `listen` as JSON, one argument for each listener, in order; `"stop"` unsubscribes the one before; `"again"` subscribes
 * it again. Prints one line of JSON for each, and one for the variables of socket activation that a child process of it has.
 */
import { execFileSync } from 'node:child_process';
import { firstValueFrom, ReplaySubject, type Observable, type Subscription } from 'rxjs';
import type { IOStreamError } from '../../src/errors.ts';
import { listen } from '../../src/stream/listen.ts';
import type { ListenOptions } from '../../src/stream/listen-options.ts';
import type { Server } from '../../src/stream/server.ts';

/** A line of the program. */
export interface ListenLine {
  readonly address?: Server['address'];
  readonly code?: string;
  readonly message?: string;
}

let server$: Observable<Server> | undefined;
let serving: Subscription | undefined;

async function listening(): Promise<ListenLine> {
  const seen = new ReplaySubject<Server>(1);
  serving = server$?.subscribe(seen);
  const { address } = await firstValueFrom(seen);
  return { address };
}

function inLine(error: unknown): ListenLine {
  const { code, message } = error as IOStreamError;
  return { code, message };
}

async function main(): Promise<void> {
  for (const argument of process.argv.slice(2)) {
    const options = JSON.parse(argument) as ListenOptions | 'stop' | 'again';
    if (options === 'stop') {
      serving?.unsubscribe();
      continue;
    }
    if (options !== 'again') server$ = listen(options, (io) => io.send(io));
    const line = await listening().catch(inLine);
    console.log(JSON.stringify(line));
  }
  const script = `console.log(Object.keys(process.env).filter((name) => name.startsWith('LISTEN_')).join())`;
  const variables = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim();
  console.log(JSON.stringify({ variables }));
}

void main();
