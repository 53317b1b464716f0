import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A program that runs. */
export interface Running {
  /** Waits until it has said such words; fails when it ends before. */
  says(words: RegExp): Promise<RegExpExecArray>;
  /** As Ctrl-C does; the exit code and signal. */
  interrupt(): Promise<unknown[]>;
}

/** Runs an example as a user would; it is gone at the end of the test. */
export function runProgram(path: string, ...args: readonly string[]): Running {
  // The runner's own wishes are not the user's.
  const { NODE_OPTIONS: _options, FORCE_COLOR: _force, NO_COLOR: _none, ...env } = process.env;
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', path, ...args], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let said = '';
  // Listens all the time: what is said while nobody asks counts, too.
  child.stdout?.on('data', (bytes: Buffer) => (said += bytes.toString()));
  return {
    async says(words) {
      for (;;) {
        const found = words.exec(said);
        if (found) return found;
        const over = await Promise.race([once(child.stdout!, 'data').then(() => false), ended.then(() => true)]);
        if (over) throw new Error(`expected ${String(words)}, the program ended after: ${said}`);
      }
    },
    interrupt() {
      child.kill('SIGINT');
      return ended;
    },
  };
}
