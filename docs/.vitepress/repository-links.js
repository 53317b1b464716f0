import { existsSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';

/**
 * Plugin of markdown-it for links that are right in the repository, and would be dead on the site.
 *
 * - `README.md` of a folder becomes its index page.
 * - A file outside of `docs`, such as `../../examples/open.ts`, is linked in the repository. Without an address of it, the text remains.
 *
 * Throws if there is no such file.
 */
export function repositoryLinks(md, { docs, root, repository }) {
  md.core.ruler.push('repository-links', ({ tokens, env }) => {
    for (const { children } of tokens) {
      let isRemoved = false;
      for (const token of children ?? []) {
        if (token.type === 'link_open') isRemoved = adapt(token, env.realPath ?? env.path);
        if (isRemoved && token.type.startsWith('link_')) Object.assign(token, { type: 'text', tag: '', content: '' });
      }
    }
  });

  /** Changes the target of a link; returns true if the link must go. */
  function adapt(link, page) {
    const [, path, hash] = /^([^#?]*)(.*)/.exec(link.attrGet('href'));
    if (path === '' || path.startsWith('/') || /^[\w+-]+:/.test(path)) return false;
    const file = resolve(dirname(page), decodeURI(path));
    if (file.startsWith(docs + sep)) {
      link.attrSet('href', path.replace(/README\.md$/, 'index.md') + hash);
      return false;
    }
    if (!existsSync(file)) throw new Error(`dead link ${path} in ${page}`);
    link.attrSet('href', `${repository}/blob/main/${relative(root, file)}${hash}`);
    return repository === undefined;
  }
}
