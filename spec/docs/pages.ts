import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A TypeScript block of a page. */
export interface Block {
  /** The last heading, or bold start of a paragraph, before the block. */
  readonly title: string;
  readonly code: string;
}

const ROOT = new URL('../../', import.meta.url);
const GUIDES = 'docs/guides/';

/** The README, the list of examples and the guides, as paths from the root of the repository. */
export const PAGES: readonly string[] = [
  'README.md',
  'examples/README.md',
  ...readdirSync(fileURLToPath(new URL(GUIDES, ROOT)))
    .filter((name) => name.endsWith('.md'))
    .map((name) => GUIDES + name),
];

export function textOf(page: string): string {
  return readFileSync(new URL(page, ROOT), 'utf8').replaceAll('\r', '');
}

/** Returns the text of a page without its code blocks. */
export function proseOf(page: string): string {
  return textOf(page).replaceAll(/^```[^]*?^```$/gm, '');
}

/** Returns the TypeScript blocks of a page. */
export function blocksOf(page: string): Block[] {
  const text = textOf(page);
  return [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map((match) => {
    const titles = [...text.slice(0, match.index).matchAll(/^(?:#+ |\*\*)(.*?)(?:\.?\*\*.*)?$/gm)];
    return { title: titles.at(-1)?.[1] ?? '', code: match[1] ?? '' };
  });
}

/** Returns the relative links of a page that lead to no file, or to no heading of a page. */
export function deadLinksOf(page: string): string[] {
  const links = [...proseOf(page).matchAll(/\]\((?!\w+:)([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links.filter((link) => {
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : new URL(path, new URL(page, ROOT)).href.slice(ROOT.href.length);
    if (!existsSync(new URL(target, ROOT))) return true;
    return anchor !== undefined && !anchorsOf(target).includes(anchor);
  });
}

/** The anchors of the headings of a page, as GitHub makes them. */
function anchorsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  );
}
