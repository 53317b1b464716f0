import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { runCommand, type Running } from '../support/run-program.ts';

/** A folder for the files of the specs of one file. */
export const folder: string = mkdtempSync(join(tmpdir(), 'cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the program of `npx rxjs-io-stream`. */
export function runCli(...args: readonly string[]): Running {
  return runCommand([process.execPath, '--import', 'tsx', 'src/cli.ts', ...args]);
}
