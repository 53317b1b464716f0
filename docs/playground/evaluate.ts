import * as rxjs from 'rxjs';
import * as testing from 'rxjs-io-stream/testing';
import { transform } from 'sucrase';
import * as library from './library.ts';

/** What the code on the page exports: a plugin, a codec, or both. */
export interface Exports {
  readonly plugin?: unknown;
  readonly peer?: unknown;
  readonly codec?: unknown;
  readonly messages?: unknown;
  readonly tooLong?: unknown;
  readonly rules?: unknown;
}

/** Names the code in stack traces. */
export const FILE = 'plugin.ts';

const modules: Readonly<Record<string, object>> = {
  rxjs,
  'rxjs-io-stream': named('rxjs-io-stream', library),
  'rxjs-io-stream/testing': named('rxjs-io-stream/testing', testing),
};

/** A syntax error that was found by the browser, which keeps the line for itself. See {@link lineOf} in `runner.ts`. */
export class ScriptError extends Error {
  readonly script: string;

  constructor(error: SyntaxError, script: string) {
    super(error.message.replace(/^Failed to execute .*?: /, ''));
    this.name = 'SyntaxError';
    this.script = script;
  }
}

/**
 * Evaluates TypeScript or JavaScript as a module. Errors name lines of {@link FILE}.
 *
 * @throws ScriptError for a syntax error that only the browser finds.
 */
export function evaluate(code: string): Exports {
  // Keeps the lines as they are.
  const { code: script } = transform(code, { transforms: ['typescript', 'imports'], filePath: FILE, disableESTransforms: true });
  const wrapped = `globalThis.define = function (exports, require) {${script}\n};\n//# sourceURL=${FILE}`;
  const scope = globalThis as unknown as { importScripts(url: string): void; define?: (exports: object, load: typeof moduleOf) => void };
  try {
    scope.importScripts(URL.createObjectURL(new Blob([wrapped])));
  } catch (error) {
    throw error instanceof SyntaxError ? new ScriptError(error, wrapped) : error;
  }
  const exports = {};
  scope.define?.(exports, moduleOf);
  return exports;
}

function moduleOf(name: string): object {
  const found = modules[name];
  if (!found) throw new TypeError(`expected an import of ${Object.keys(modules).join(', ')}, got '${name}': this page loads nothing else`);
  return found;
}

/** A module that reports a name that it does not have, where the code would get `undefined`. */
function named(module: string, names: object): object {
  return new Proxy(
    { ...names, __esModule: true },
    {
      get: (target, name) => {
        if (typeof name === 'symbol' || name in target) return Reflect.get(target, name) as unknown;
        const known = Object.keys(names)
          .filter((each) => !/^E[A-Z]+$/.test(each))
          .join(', ');
        throw new TypeError(`'${name}' of '${module}' is not on this page, because it needs Node or does not exist. Here are: ${known}`);
      },
    },
  );
}
