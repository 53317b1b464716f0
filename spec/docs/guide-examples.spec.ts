import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { afterAll, describe, expect } from 'vitest';
import { deadPort } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const guides = join(root, 'docs/guides');

/**
 * The blocks of the guides with their output: a line that ends with "it prints:" follows, then a block of text. As JavaScript: tsx would
 * take longer to start than most of them to run.
 */
const examples = readdirSync(guides)
  .filter((file) => file.endsWith('.md'))
  .flatMap((file) =>
    [
      ...readFileSync(join(guides, file), 'utf8').matchAll(
        /^```ts\n((?:(?!```)[^])*)```\n\n(?:.+ i|I)t prints:\n\n```text\n([^]*?)^```$/gm,
      ),
    ].map(([, code = '', output], index) => ({ name: `${file}, ${index + 1}`, code: transformSync(code, { loader: 'ts' }).code, output })),
  );

// A folder of the repository, so that the blocks find the package by its name.
mkdirSync(join(root, '.tmp'), { recursive: true });
const folder = mkdtempSync(join(root, '.tmp/guides-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Copies the certificates under the names of the guide about TLS. */
function writeCertificates(): void {
  const certs = join(folder, 'certs');
  mkdirSync(certs);
  for (const file of ['ca.pem', 'server.pem', 'server.key.pem', 'client.pem', 'client.key.pem'])
    copyFileSync(join(root, 'spec/support/certs', file), join(certs, basename(file, '.key.pem') === file ? file : file.slice(0, -4)));
}

interface Ended {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

function run(file: string): Promise<Ended> {
  const { NODE_OPTIONS: _options, FORCE_COLOR: _force, ...env } = process.env;
  return new Promise((resolve) =>
    execFile(process.execPath, [file], { cwd: folder, env, timeout: 55_000 }, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr }),
    ),
  );
}

describe('the guides', () => {
  writeCertificates();

  spec.each(examples)('have an example that runs as it is, and prints what they show: $name', async (_h, { name, code, output }) => {
    const path = join(folder, `${name.replaceAll(/\W+/g, '-')}.mjs`);
    const [port, other] = [await deadPort(), await deadPort()];
    writeFileSync(path, code.replaceAll('7007', String(port)).replaceAll('7008', String(other)));
    expect(await run(path)).toEqual({ code: 0, stdout: output, stderr: '' });
  });
});
