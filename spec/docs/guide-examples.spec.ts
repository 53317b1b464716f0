import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import { runProgram } from '../support/run-program.ts';
import { spec } from '../support/spec.ts';

const guides = fileURLToPath(new URL('../../docs/guides', import.meta.url));
/** A folder of the repository, so that the blocks find the package by its name. */
const folder = fileURLToPath(new URL('../../.tmp/guide-examples', import.meta.url));

/**
 * The blocks of the guides that run when pasted: those marked with `<!-- runs -->`. A block of text that follows, separated by at most
 * one line, is what it prints.
 */
const examples = readdirSync(guides)
  .filter((file) => file.endsWith('.md'))
  .flatMap((file) =>
    [
      ...readFileSync(join(guides, file), 'utf8').matchAll(
        /<!-- runs -->\n\n```ts\n([^]*?)^```$(?:\n\n(?:[^\n#`]+\n\n)?```text\n([^]*?)^```$)?/gm,
      ),
    ].map(([, code = '', output], index) => ({ name: `${file}, block ${index + 1}`, code, output })),
  );

describe('the guides', () => {
  spec.each(examples)(
    'have an example that runs as it is, and prints what they show: $name',
    async (_h, { name, code, output }) => {
      mkdirSync(folder, { recursive: true });
      const path = join(folder, `${name.replaceAll(/\W+/g, '-')}.mts`);
      writeFileSync(path, code);
      const { code: exitCode, stdout, stderr } = await runProgram(path).ended;
      rmSync(path);
      expect(exitCode, stderr).toBe(0); // stderr may have the logs of an example
      if (output !== undefined) expect(stdout).toBe(output);
    },
    { timeout: 30_000 },
  );
});
