// The site: `npm run docs` builds it into docs/.vitepress/dist, `npm run docs:dev` serves it while you write.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { repositoryLinks } from './repository-links.js';
import { sidebar } from './sidebar.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const docs = fileURLToPath(new URL('..', import.meta.url)).replace(/[\\/]$/, '');
const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const address = manifest.repository?.url ?? manifest.repository;
const repository = address?.replace(/^git\+/, '').replace(/\.git$/, '');
// Where the site is below its host, such as `/rxjs-io-stream/`.
const base = process.env.DOCS_BASE ?? '/';

export default defineConfig({
  base,
  title: 'rxjs-io-stream',
  description: 'Connections as Observables, plugins as operators, writes with backpressure. For RxJS 7 on Node.',
  lang: 'en',
  cleanUrls: true,
  rewrites: { ':folder/README.md': ':folder/index.md' },
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: `${base}icon.svg` }]],
  markdown: { config: (md) => md.use(repositoryLinks, { docs, root, repository }) },
  // The index of the search is one chunk, which is loaded by the first search.
  vite: { build: { chunkSizeWarningLimit: 4096 } },
  themeConfig: {
    logo: '/icon.svg',
    nav: [
      { text: 'Guides', link: '/guides/', activeMatch: '/guides/' },
      { text: 'Reference', link: '/reference/', activeMatch: '/reference/' },
      // A page of its own: static files in docs/public/playground.
      { text: 'Playground', link: '/playground/', target: '_self' },
    ],
    sidebar: sidebar(),
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: repository === undefined ? [] : [{ icon: 'github', link: repository }],
  },
});
