// Makes the sidebars from the pages: nothing is listed twice.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const docs = new URL('../', import.meta.url);
const read = (path) => readFileSync(new URL(path, docs), 'utf8');

/** The first heading of a page. */
function titleOf(path) {
  return /^# (.+)/m.exec(read(path))?.[1].replaceAll('`', '') ?? path;
}

/** The pages of a folder, sorted by name; all but its README. */
function pagesOf(folder) {
  const names = readdirSync(new URL(folder, docs)).filter((name) => name.endsWith('.md') && name !== 'README.md');
  return names.sort().map((name) => ({ name, text: titleOf(`${folder}/${name}`), link: `/${folder}/${name}` }));
}

/** The guides, in the groups and the order of `guides/README.md`: a heading starts a group, a link adds a page. Others come last. */
function guideGroups() {
  const pages = new Map(pagesOf('guides').map(({ name, ...item }) => [name, item]));
  const groups = [{ text: 'Guides', items: [] }];
  for (const [, heading, name] of read('guides/README.md').matchAll(/^## (.+)|\]\(([\w-]+\.md)\)/gm)) {
    if (heading !== undefined) groups.push({ text: heading, items: [] });
    else if (pages.has(name)) groups.at(-1).items.push(pages.get(name));
    pages.delete(name);
  }
  groups.push({ text: 'More', items: [...pages.values()] });
  return groups.filter(({ items }) => items.length > 0);
}

/** The reference, in the groups that TypeDoc wrote; empty before `npm run docs:reference`. */
function referenceGroups() {
  const file = 'reference/typedoc-sidebar.json';
  if (!existsSync(new URL(file, docs))) return [];
  // TypeDoc puts `rxjs-io-stream/testing` into `rxjs-io-stream`, for the sake of its name.
  const [main] = JSON.parse(read(file));
  const isDoor = ({ link }) => link?.endsWith('/');
  const doors = [{ ...main, items: main.items.filter((item) => !isDoor(item)) }, ...main.items.filter(isDoor)];
  return doors.map(({ link, items }) => ({ text: link.replace(/^\/reference\/|\/$/g, ''), link, items }));
}

export function sidebar() {
  const decisions = { text: 'Decisions', link: '/decisions/', collapsed: true, items: pagesOf('decisions') };
  return {
    '/': [...guideGroups(), decisions, { text: 'Reference', link: '/reference/' }],
    '/reference/': [{ text: 'Reference', link: '/reference/' }, ...referenceGroups(), { text: 'Guides', link: '/guides/' }],
  };
}
