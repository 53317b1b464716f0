import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A code block of a page. */
export interface Block {
  /** The page, as a path from the root of the repository. */
  readonly page: string;
  /** The line of the page on which the block starts. */
  readonly line: number;
  /** The last heading, or bold start of a paragraph, before the block. */
  readonly title: string;
  readonly code: string;
  /** The output that the page states under "It prints:" right behind the block. */
  readonly prints: string | undefined;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GUIDES = 'docs/guides/';

/** The README and the guides, as paths from the root of the repository. */
export const PAGES: readonly string[] = [
  'README.md',
  ...readdirSync(ROOT + GUIDES)
    .filter((name) => name.endsWith('.md'))
    .map((name) => GUIDES + name),
];

export function textOf(page: string): string {
  return readFileSync(ROOT + page, 'utf8').replaceAll('\r', '');
}

/** Returns the TypeScript blocks of a page. */
export function blocksOf(page: string): Block[] {
  const text = textOf(page);
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```\n(?:\nIt prints:\n\n```text\n([\s\S]*?)^```)?/gm)].map((match) => {
    const [, code = '', prints] = match;
    const before = text.slice(0, match.index);
    const title = [...before.matchAll(/^(?:#+ |\*\*)(.*?)(?:\.?\*\*.*)?$/gm)].at(-1)?.[1] ?? '';
    return { page, line: before.split('\n').length, title, code, prints };
  });
}

/** Returns the relative links of a page that lead to no file. */
export function deadLinksOf(page: string): string[] {
  const prose = textOf(page).replaceAll(/^```[^]*?^```$/gm, '');
  const links = [...prose.matchAll(/\]\((?!\w+:|#)([^)#\s]+)[^)]*\)/g)].map(([, link = '']) => link);
  return links.filter((link) => !existsSync(new URL(link, new URL(page, new URL('../../', import.meta.url)))));
}
