import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, type TestContext } from 'vitest';

const PROGRAM = fileURLToPath(new URL('./tls.mjs', import.meta.url));

/** The command of each runtime, and the cases that it must refuse. */
const RUNTIMES: Readonly<Record<string, { readonly command: readonly string[]; readonly refuses: RegExp }>> = {
  Node: { command: [process.execPath], refuses: /^(?!)/ },
  Deno: { command: ['deno', 'run', '--allow-all', '--no-prompt'], refuses: /^mutual/ },
  Bun: { command: ['bun'], refuses: /^/ },
};

describe('the TLS plugins', () => {
  it.for(Object.keys(RUNTIMES))(
    'accept verified peers and refuse all others on %s',
    { timeout: 60_000 },
    async (name, { skip }: TestContext) => {
      const { command, refuses } = RUNTIMES[name]!;
      const [file = '', ...args] = command;
      if (spawnSync(file, ['--version']).error) skip(`${file} is not installed`);
      const { stdout } = await promisify(execFile)(file, [...args, PROGRAM], {
        timeout: 50_000,
        env: { ...process.env, NODE_OPTIONS: '' },
      });
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => line.split('  '));
      expect(lines.length, stdout).toBe(35);
      for (const [outcome, what = '', why = ''] of lines) {
        const isRefused = refuses.test(what);
        expect(outcome, `${what}: ${why}`).toBe(isRefused ? 'refused' : 'ok');
        if (isRefused) expect(why).toMatch(new RegExp(`^tls(Client|Server) cannot run on ${name} [\\d.]+: .+; use Node \\[ETLS\\]$`));
      }
    },
  );
});
