import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand, type Running } from '../support/run-program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TSX = new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href;

/** A folder outside of the repository in which the package and RxJS are installed, as in the project of a user. */
export interface UserProject {
  /** Writes a file into the folder. */
  write(name: string, text: string): void;
  /** Runs a file with plain Node (`.mjs`) or with tsx (`.mts`), as the README describes it. */
  run(name: string, env?: Readonly<Record<string, string>>): Running;
}

/** Creates a folder that is removed by `defer`. */
export function userProject({ defer }: { defer(cleanup: () => void): void }): UserProject {
  const folder = mkdtempSync(join(tmpdir(), 'user-project-'));
  defer(() => rmSync(folder, { recursive: true, maxRetries: 3 }));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/rxjs-io-stream'), 'junction');
  symlinkSync(join(ROOT, 'node_modules/rxjs'), join(folder, 'node_modules/rxjs'), 'junction');
  return {
    write: (name, text) => writeFileSync(join(folder, name), text),
    run: (name, env = {}) =>
      runCommand([process.execPath, ...(name.endsWith('.mts') ? ['--import', TSX] : []), join(folder, name)], { cwd: folder, env }),
  };
}
