import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { toSvg } from 'rxjs-io-stream/testing';
import { failedTest } from './recordings.ts';

const folder = mkdtempSync(join(tmpdir(), 'marbles-svg-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

describe('MARBLES_SVG', () => {
  it('writes the picture of a failed test, and names the file in the message', () => {
    vi.stubEnv('MARBLES_SVG', join(folder, 'new'));
    const failure = failedTest();
    const [, path = ''] = /\n {2}picture: (.+\.svg)$/.exec(failure.message) ?? [];
    expect(readFileSync(path, 'utf8')).toBe(toSvg(failure, { title: failure.message.split('\n')[0] }));
    failedTest();
    expect(readdirSync(join(folder, 'new'))).toHaveLength(1);
  });

  it('reports a picture that cannot be written, beside the difference', () => {
    writeFileSync(join(folder, 'file'), '');
    vi.stubEnv('MARBLES_SVG', join(folder, 'file'));
    expect(failedTest().message).toMatch(/^expected data [^]*\n {2}the picture was not written: Error: EEXIST/);
  });

  it('writes nothing unless it is set', () => {
    expect(failedTest().message).not.toContain('picture');
  });
});
