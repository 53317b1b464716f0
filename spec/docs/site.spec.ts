import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as library from 'rxjs-io-stream';
import * as testing from 'rxjs-io-stream/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Chromium, chromiumName, launchChromium, type Page, type PageOptions } from '../support/chromium.ts';
import { serveFolder } from '../support/serve-folder.ts';

const docs = fileURLToPath(new URL('../../docs', import.meta.url));
const built = `${docs}/.vitepress/dist`;
const isBuilt = existsSync(`${built}/index.html`);

const pagesOf = (folder: string): string[] =>
  readdirSync(`${docs}/${folder}`).flatMap((name) =>
    name.endsWith('.md') && name !== 'README.md' ? [`/${folder}/${name.slice(0, -3)}`] : [],
  );
const GUIDES = pagesOf('guides');
const REFERENCE = '/reference/rxjs-io-stream';
const SAMPLE = ['/', '/guides/', '/guides/tls', '/decisions/', '/reference/', `${REFERENCE}/`, `${REFERENCE}/testing/functions/marbles`];
const LONG = [`${REFERENCE}/classes/IOStream`, `${REFERENCE}/functions/connect`, `${REFERENCE}/interfaces/StreamOptions`];

const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844, mobile: true };

/** What is wrong with the page that is shown. */
const FAULTS = `(() => {
  const faults = [];
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > SCREEN || innerWidth > SCREEN) faults.push('is ' + scrollWidth + ' pixels wide');
  if (document.querySelector('.NotFound') || !document.querySelector('h1')) faults.push('has no heading');
  if (document.documentElement.classList.contains('dark') !== matchMedia('(prefers-color-scheme: dark)').matches) faults.push('has the wrong colours');
  for (const image of document.images) if (image.checkVisibility() && !image.naturalWidth) faults.push('shows no ' + image.src);
  return faults;
})()`;

describe.skipIf(!isBuilt)('the pages of the site, built by `npm run docs`', () => {
  const files = isBuilt ? readdirSync(built, { recursive: true, encoding: 'utf8' }).map((file) => `/${file.replaceAll('\\', '/')}`) : [];
  const html = new Map(files.filter((file) => file.endsWith('.html')).map((file) => [file, readFileSync(built + file, 'utf8')]));

  test('link only to pages and headings that exist', () => {
    const dead: string[] = [];
    for (const [page, text] of html)
      for (const [, href = ''] of text.matchAll(/<a [^>]*?href="([^"]*)"/g)) {
        const { origin, pathname, hash } = new URL(href, `http://site${page}`);
        if (origin !== 'http://site' || (pathname === '/playground/' && !files.includes('/playground'))) continue;
        const target = pathname.endsWith('/') ? `${pathname}index.html` : pathname.replace(/(\.html)?$/, '.html');
        const id = decodeURIComponent(hash.slice(1)).replaceAll('&', '&amp;');
        if (!html.has(target) || (id !== '' && html.get(target)?.includes(`id="${id}"`) !== true)) dead.push(`${page} links to ${href}`);
      }
    expect(dead).toEqual([]);
  });

  test('have one for each value of both doors', () => {
    const pages = new Set(files.map((path) => path.replace(/.*\//, '')));
    const names = [...Object.keys(library), ...Object.keys(testing)];
    expect(names.filter((name) => !pages.has(`${name}.html`))).toEqual([]);
  });
});

describe.skipIf(!isBuilt || chromiumName === undefined)('the site, built by `npm run docs`, in Chromium', () => {
  let site: Awaited<ReturnType<typeof serveFolder>>;
  let chromium: Chromium;
  beforeAll(async () => {
    [site, chromium] = await Promise.all([serveFolder(built), launchChromium()]);
  });
  afterAll(() => Promise.all([site.close(), chromium.close()]));

  /** Opens a page of the site, and waits until its scripts run. */
  async function goto(page: Page, path: string): Promise<void> {
    await page.goto(site.url + path);
    await page.waitFor(`document.querySelector('#app').__vue_app__`);
  }

  async function open(path: string, options: PageOptions): Promise<Page> {
    const page = await chromium.newPage(options);
    await goto(page, path);
    return page;
  }

  async function faultsOf(paths: readonly string[], options: PageOptions & { readonly width: number }): Promise<string[]> {
    const page = await chromium.newPage(options);
    const faults: string[] = [];
    for (const path of paths) {
      await goto(page, path);
      const found = await page.evaluate<string[]>(FAULTS.replaceAll('SCREEN', String(options.width)));
      faults.push(...[...found, ...page.errors.splice(0)].map((fault) => `${path} ${fault}`));
    }
    return faults;
  }

  test.each([
    ['at desktop width, light', { ...DESKTOP, dark: false }],
    ['at desktop width, dark', { ...DESKTOP, dark: true }],
    ['at phone width, light', { ...PHONE, dark: false }],
    ['at phone width, dark', { ...PHONE, dark: true }],
  ])(
    'fits on the screen and reports no error %s',
    async (_name, options) => {
      expect(await faultsOf([...SAMPLE, ...LONG], options)).toEqual([]);
    },
    60_000,
  );

  test('shows every guide and decision on a phone without an error', async () => {
    expect(await faultsOf([...GUIDES, ...pagesOf('decisions')], PHONE)).toEqual([]);
  });

  test.each([
    ['at desktop width', DESKTOP],
    ['at phone width', PHONE],
  ])('finds the page of startTls by a search %s', async (_name, options) => {
    const page = await open('/', options);
    await page.click('.VPNavBarSearch button');
    await page.waitFor(`document.activeElement.matches('.VPLocalSearchBox input')`);
    await page.type('startTls');
    await page.click('.VPLocalSearchBox .result[href*="/functions/startTls#"]');
    await page.waitFor(`location.pathname.endsWith('/startTls') && document.querySelector('h1').textContent.includes('startTls')`);
    expect(page.errors).toEqual([]);
  });

  test('lists every guide in the sidebar once', async () => {
    const page = await open('/guides/', DESKTOP);
    const links = await page.evaluate<string[]>(`[...document.querySelectorAll('.VPSidebar a')].map((a) => new URL(a.href).pathname)`);
    expect(links.filter((path) => /^\/guides\/./.test(path)).sort()).toEqual([...GUIDES].sort());
  });

  test('goes from guide to guide by the sidebar at desktop width', async () => {
    const page = await open('/guides/', DESKTOP);
    await page.click('.VPSidebar a[href="/guides/tls"]');
    await page.waitFor(`document.querySelector('h1').textContent.includes('TLS')`);
    const active = `document.querySelector('.VPSidebarItem.is-active.is-link a')?.getAttribute('href')`;
    await page.waitFor(`${active} === '/guides/tls'`);
    expect(page.errors).toEqual([]);
  });

  test('opens the sidebar by its button on a phone, and closes it behind a link', async () => {
    const page = await open('/guides/', PHONE);
    await page.click('.VPLocalNav .menu');
    await page.click('.VPSidebar.open a[href="/guides/tls"]');
    await page.waitFor(`document.querySelector('h1').textContent.includes('TLS') && !document.querySelector('.VPSidebar.open')`);
    expect(page.errors).toEqual([]);
  });

  test('shows every member of IOStream', async () => {
    const page = await open(`${REFERENCE}/classes/IOStream`, DESKTOP);
    const shown = await page.evaluate<string[]>(`[...document.querySelectorAll('h3')].map((h) => h.textContent.match(/[\\w$]+/)?.[0])`);
    const base = Object.getPrototypeOf(library.IOStream.prototype) as object;
    const members = [library.IOStream.prototype, base].flatMap((prototype) => Object.getOwnPropertyNames(prototype));
    expect(members.filter((name) => /^[a-z]\w*\$?$/i.test(name) && name !== 'constructor' && !shown.includes(name))).toEqual([]);
  });
});
