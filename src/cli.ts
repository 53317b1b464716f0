#!/usr/bin/env node
// The program of `npx rxjs-io-stream`.
import { record } from './cli/record.ts';
import { HELP, UsageError } from './cli/usage.ts';
import { view } from './cli/view.ts';

const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = { view, record };
const [command = '--help', ...args] = process.argv.slice(2);

// `| head` closes the pipe when it has read enough. That is no failure, and must not end a recording.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  console.error(error.message);
  process.exitCode = 1;
});

try {
  const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (run) await run(args);
  else if (command === '--help' || command === '-h') console.log(HELP);
  else throw new UsageError(`expected a command: view or record, got '${command}'`);
} catch (error) {
  const isUsage = error instanceof UsageError;
  console.error(isUsage ? `${error.message}\nSee: npx rxjs-io-stream --help` : error instanceof Error ? error.message : String(error));
  process.exitCode = isUsage ? 2 : 1;
}
