import { describe, expect, it, onTestFinished } from 'vitest';
import { deadPort } from '../support/loopback.ts';
import { blocksOf, PAGES } from './pages.ts';
import { userProject } from './user-project.ts';

describe.each(
  PAGES.map((page) => ({ page, blocks: blocksOf(page).filter(({ prints }) => prints !== undefined) })).filter(
    ({ blocks }) => blocks.length > 0,
  ),
)('the code blocks of $page', ({ blocks }) => {
  it.each(blocks)('print what the page states (line $line: $title)', async ({ code, prints }) => {
    const project = userProject({ defer: onTestFinished });
    project.write('program.mts', code.replaceAll('7007', String(await deadPort())));
    expect(await project.run('program.mts').ended).toEqual({ code: 0, stdout: prints, stderr: '' });
  });
});
