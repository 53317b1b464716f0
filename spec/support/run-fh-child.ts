import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Summary } from './fh-child.ts';

/** A run of `fh-child.ts`; `stdin` and `stdout` are the other ends of its `stdio`. */
export interface FhChild {
  readonly process: ChildProcess;
  /** Resolves when it has exited. */
  readonly summary: Promise<Summary>;
}

const PROGRAM = fileURLToPath(new URL('./fh-child.ts', import.meta.url));
let runs = 0;

/**
 * How to start the program: directly, behind a pipe of a shell, on a terminal made by `script`, or with descriptor 9 as
 * the master of a pseudo-terminal whose slave writes `hello` and is closed at the end of stdin.
 */
export type Shell = 'none' | 'pipe' | 'terminal' | 'master';

/** Starts `fh-child.ts` with the arguments of its head comment. Its result is written to `directory`. */
export function runFhChild(directory: string, args: readonly string[], stdio: StdioOptions, shell: Shell = 'none'): FhChild {
  const result = join(directory, `result-${(runs += 1)}.json`);
  const command = [process.execPath, '--import', 'tsx', PROGRAM, result, ...args];
  const [file = '', ...rest] = wrapped(command, shell);
  const child = spawn(file, rest, { stdio, env: { ...process.env, NODE_OPTIONS: '' } });
  const summary = once(child, 'close').then(() => JSON.parse(readFileSync(result, 'utf8')) as Summary);
  return { process: child, summary };
}

/** `cat` as a program of Node. */
const CAT = quoted([process.execPath, '-e', "process.stdin.pipe(process.stdout).on('error', () => {})"]);

/** Node cannot start a process with a pseudo-terminal. Another program must. */
const MASTER = `
import os, subprocess, sys, tty
master, slave = os.openpty()
tty.setraw(slave)
os.dup2(master, 9)
child = subprocess.Popen(sys.argv[1:], pass_fds=[9], stdin=subprocess.DEVNULL)
os.close(master)
os.close(9)
os.write(slave, b'hello')
sys.stdin.read()
os.close(slave)
sys.exit(child.wait())
`;

function quoted(command: readonly string[]): string {
  return command.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');
}

function wrapped(command: readonly string[], shell: Shell): readonly string[] {
  const line = quoted(command);
  switch (shell) {
    case 'none':
      return command;
    case 'pipe':
      return ['/bin/sh', '-c', `${CAT} | ${line} | ${CAT}`];
    case 'terminal':
      return ['script', '-qec', line, '/dev/null'];
    case 'master':
      return ['python3', '-c', MASTER, ...command];
  }
}
