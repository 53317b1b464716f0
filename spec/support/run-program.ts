import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { filter, firstValueFrom, fromEvent, map, merge, of, takeUntil, throwIfEmpty } from 'rxjs';
import { afterAll } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** How a program ended, and its output. */
export interface Ended {
  /** The exit code; null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program. */
export interface Running {
  readonly stdin: Writable;
  readonly ended: Promise<Ended>;
  /** Waits until stdout or stderr matches `pattern`. Rejects if the program ends before. */
  prints(pattern: RegExp): Promise<RegExpExecArray>;
  /** Closes the pipe that it prints to, as `head` does when it has read enough. */
  closeOutput(): void;
  /** Interrupts it, as Ctrl-C does. */
  interrupt(): Promise<Ended>;
}

const stops: (() => Promise<unknown>)[] = [];
// One hook for the file, because concurrent specs have no hooks of their own.
afterAll(() => Promise.all(stops.map((stop) => stop())));

/** Runs an example as a user would. It is killed after the specs of the file. */
export function runProgram(path: string, ...args: readonly (string | number)[]): Running {
  return runCommand(commandOf(path, args));
}

/** Runs an example on a terminal that `script` creates: all output is stdout. */
export function runOnTerminal(path: string, ...args: readonly (string | number)[]): Running {
  const line = commandOf(path, args).map((word) => `'${word}'`);
  return runCommand(['script', '-qec', line.join(' '), '/dev/null']);
}

function commandOf(path: string, args: readonly (string | number)[]): string[] {
  return [process.execPath, '--import', 'tsx', path, ...args.map(String)];
}

/** Where a program runs. */
interface Surroundings {
  /** @default the root of the repository */
  readonly cwd?: string;
  /** Variables that are added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command. It is killed after the specs of the file. */
export function runCommand([file = '', ...args]: readonly string[], { cwd = ROOT, env: added = {} }: Surroundings = {}): Running {
  // The environment of the test runner is not that of a user.
  const { NODE_OPTIONS: _options, FORCE_COLOR: _force, NO_COLOR: _none, ...env } = process.env;
  const child = spawn(file, args, { cwd, env: { ...env, ...added }, stdio: 'pipe' });
  const output = { stdout: '', stderr: '' };
  // Collects all output, also before the first call of `prints`.
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  child.stdin.on('error', () => {}); // it may end without reading it
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }));
  stops.push(() => {
    child.kill('SIGKILL');
    return ended;
  });
  return {
    stdin: child.stdin,
    ended,
    closeOutput: () => void child.stdout.destroy(),
    prints: (pattern) =>
      firstValueFrom(
        merge(of('so far'), fromEvent(child.stdout, 'data'), fromEvent(child.stderr, 'data')).pipe(
          map(() => pattern.exec(output.stdout) ?? pattern.exec(output.stderr)),
          filter((found) => found !== null),
          takeUntil(ended),
          throwIfEmpty(
            () => new Error(`expected output that matches ${String(pattern)}, the program ended after:\n${output.stdout}${output.stderr}`),
          ),
        ),
      ),
    interrupt() {
      child.kill('SIGINT');
      return ended;
    },
  };
}
