import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as library from 'rxjs-io-stream';
import { IOStreamError } from 'rxjs-io-stream';
import { afterAll, describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../.ci/write-error-reference.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'error-reference-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the reference of the error codes', () => {
  const file = join(folder, 'new', 'errors.md');
  execFileSync(process.execPath, [script, file]);
  const page = readFileSync(file, 'utf8');
  const rows = [...page.matchAll(/^\| \[(E[A-Z]+)\]\(.*#(\w+)\) \| (-\d+) \| (yes|no) \| (.+) \| (.+) \|$/gm)];
  const codes = Object.entries(library).flatMap(([name, value]) => (/^E[A-Z]{3,}$/.test(name) && typeof value === 'string' ? [value] : []));

  it('lists every code of the library, and no other', () => {
    expect(rows.map(([, code]) => code).sort()).toEqual(codes.toSorted());
  });

  it.each(rows.map(([, ...cells]) => cells))('has the number, fatality and text of %s', (code = '', anchor, errno, fatal, text, doc) => {
    const error = new IOStreamError(code, { phase: 'read' });
    expect({ errno: Number(errno), fatal: fatal === 'yes', text }).toEqual({
      errno: error.errno,
      fatal: error.fatal,
      text: error.message.replace(` [${code}]`, ''),
    });
    expect(anchor).toBe(code.toLowerCase());
    expect(doc).toMatch(/^[A-Z`].*\.$/);
  });

  it('lists the fields of an error', () => {
    for (const field of ['code', 'phase', 'layer?', 'challenges?']) expect(page).toContain(`| \`${field}\` | \``);
  });

  it('has no link of a docstring left', () => {
    expect(page).not.toContain('{@');
  });
});
