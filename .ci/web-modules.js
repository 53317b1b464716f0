// Two files beside each other are one module: `x.ts` for Node, `x.web.ts` for `rxjs-io-stream/web`. TypeScript chooses by `moduleSuffixes`
// of tsconfig.web.json; the build and the specs by the plugins here. What depends on no such pair exists once, and both entry points
// share it: one class of errors, the same codecs.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const ENTRY = join(root, 'src/web.ts');
const WEB = '?web';

/** Returns the path of the file for the Web beside a source or a declaration, if there is one. */
export function webFileOf(path) {
  const web = path.replace(/(\.d)?\.ts$/, '.web$&');
  return existsSync(web) ? web : undefined;
}

/** Imports of other files; of types only if `types` is set. */
function importsOf(path, types) {
  const imports = readFileSync(path, 'utf8').matchAll(/^(?:import|export)(?<type> type)?(?:[^'";]*\bfrom)? '(?<to>\.[^']+)'/gm);
  return [...imports].flatMap(({ groups }) => (groups.type && !types ? [] : [fileOf(path, groups.to, types)]));
}

/** The file that an import leads to. Declarations import `x.js` and mean `x.d.ts`. */
const fileOf = (importer, to, types) => resolve(dirname(importer), types ? to.replace(/(\.d)?\.[jt]s$/, '.d.ts') : to);

/** Makes the test whether a file depends on a pair. */
function differing({ types }) {
  const known = new Map();
  return function differs(path) {
    if (!known.has(path)) {
      const web = webFileOf(path);
      known.set(path, web !== undefined || importsOf(path, types).some(differs));
    }
    return known.get(path);
  };
}

/** Plugin for the code of the build and of the specs: below src/web.ts, takes the files for the Web. */
export function webModules() {
  const differs = differing({ types: false });
  return {
    name: 'web-modules',
    enforce: 'pre', // Specs: before the package is found by its name.
    resolveId(source, importer) {
      if (importer === undefined ? resolve(root, source) === ENTRY : source === 'rxjs-io-stream/web') return ENTRY + WEB;
      if (!importer?.endsWith(WEB) || !source.startsWith('.')) return undefined;
      const path = resolve(dirname(importer), source);
      return differs(path) ? (webFileOf(path) ?? path) + WEB : path;
    },
    load(id) {
      return id.endsWith(WEB) ? { code: readFileSync(id.slice(0, -WEB.length), 'utf8'), moduleType: 'ts' } : undefined;
    },
  };
}

/** The modules that one file of `rxjs-io-stream/web` consists of: the file, what it imports, and so on, by the ids of {@link webModules}. */
export function webModulesOf(path) {
  const differs = differing({ types: false });
  const ids = new Set();
  const add = (file) => {
    const id = differs(file) ? (webFileOf(file) ?? file) + WEB : file;
    if (ids.has(id)) return;
    ids.add(id);
    for (const imported of importsOf(id.replace(WEB, ''), false)) add(imported);
  };
  add(join(root, path));
  return ids;
}

/** Plugin for the declarations: takes those of the Web from `webFolder` where they differ, otherwise those of Node. */
export function webTypes(nodeFolder, webFolder) {
  const differs = differing({ types: true });
  return {
    name: 'web-types',
    resolveId(source, importer) {
      if (!importer?.startsWith(webFolder) || !source.startsWith('.')) return undefined;
      const path = fileOf(importer, source, true);
      return webFileOf(path) ?? (differs(path) ? path : join(nodeFolder, relative(webFolder, path)));
    },
  };
}

/** Returns all sources that `rxjs-io-stream/web`, `/codecs` and `/testing` consist of. */
export function webFiles() {
  const files = new Set();
  const visit = (path) => {
    const file = webFileOf(path) ?? path;
    if (files.has(file)) return;
    files.add(file);
    importsOf(file, false).forEach(visit);
  };
  for (const name of ['web', 'codecs', 'testing']) visit(join(root, `src/${name}.ts`));
  return files;
}

/** Plugin for specs: takes the files for the Web wherever there is one. */
export function webModulesOnly() {
  return {
    name: 'web-modules-only',
    enforce: 'pre',
    resolveId(source, importer) {
      if (importer === undefined || !source.startsWith('.') || !source.endsWith('.ts')) return undefined;
      return webFileOf(resolve(dirname(importer), source));
    },
  };
}
