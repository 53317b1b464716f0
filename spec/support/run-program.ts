import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { filter, firstValueFrom, fromEvent, map, merge, of, takeUntil, throwIfEmpty } from 'rxjs';
import { afterAll } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** How a program ended, and all that it said. */
export interface Ended {
  /** Its exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs. */
export interface Running {
  readonly stdin: Writable;
  readonly ended: Promise<Ended>;
  /** Waits until it has said such words, to stdout or to stderr; fails when it ends before. */
  says(words: RegExp): Promise<RegExpExecArray>;
  /** As Ctrl-C does. */
  interrupt(): Promise<Ended>;
}

const stops: (() => Promise<unknown>)[] = [];
// Not a hook of each spec: there is none for those that run at the same time.
afterAll(() => Promise.all(stops.map((stop) => stop())));

/** Runs an example as a user would; it is gone after the specs of the file. */
export function runProgram(path: string, ...args: readonly (string | number)[]): Running {
  return run(commandOf(path, args));
}

/** The same on a terminal that `script` makes: both outputs come as stdout. */
export function runOnTerminal(path: string, ...args: readonly (string | number)[]): Running {
  const line = commandOf(path, args).map((word) => `'${word}'`);
  return run(['script', '-qec', line.join(' '), '/dev/null']);
}

function commandOf(path: string, args: readonly (string | number)[]): string[] {
  return [process.execPath, '--import', 'tsx', path, ...args.map(String)];
}

function run([file = '', ...args]: readonly string[]): Running {
  // The runner's own wishes are not the user's.
  const { NODE_OPTIONS: _options, FORCE_COLOR: _force, NO_COLOR: _none, ...env } = process.env;
  const child = spawn(file, args, { cwd: ROOT, env, stdio: 'pipe' });
  const said = { stdout: '', stderr: '' };
  // Listens all the time: what is said while nobody asks counts, too.
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => (said[name] += text));
  child.stdin.on('error', () => {}); // it may end without reading it
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...said }));
  stops.push(() => {
    child.kill('SIGKILL');
    return ended;
  });
  return {
    stdin: child.stdin,
    ended,
    says: (words) =>
      firstValueFrom(
        merge(of('so far'), fromEvent(child.stdout, 'data'), fromEvent(child.stderr, 'data')).pipe(
          map(() => words.exec(said.stdout) ?? words.exec(said.stderr)),
          filter((found) => found !== null),
          takeUntil(ended),
          throwIfEmpty(() => new Error(`expected ${String(words)}, the program ended after:\n${said.stdout}${said.stderr}`)),
        ),
      ),
    interrupt() {
      child.kill('SIGINT');
      return ended;
    },
  };
}
