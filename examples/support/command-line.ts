// The command line of every example.
import { fileURLToPath } from 'node:url';
import { parseArgs, type ParseArgsConfig } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;
type CommandLine<T extends Options> = ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>>;

/** An option with a value, and one without. */
export const TEXT = { type: 'string' } as const;
export const FLAG = { type: 'boolean' } as const;

/**
 * Parses `--name VALUE`, `--flag` and positional arguments.
 *
 * @throws TypeError for an unknown option, or one without its value.
 */
export function parseCommandLine<const T extends Options = Options>(
  options?: T,
  args: readonly string[] = process.argv.slice(2),
): CommandLine<T> {
  try {
    return parseArgs({ args: [...args], options: options ?? ({} as T), allowPositionals: true });
  } catch (error) {
    // The first sentence of Node's message names the option. The rest is about `parseArgs`.
    throw new TypeError((error as Error).message.split(/\.\s|\n/)[0], { cause: error });
  }
}

/** @throws TypeError unless the text is a port. */
export function parsePort(text: string | undefined): number {
  const port = /^\d{1,5}$/.test(text ?? '') ? Number(text) : NaN;
  if (!(port <= 65_535)) throw new TypeError(`expected a port from 0 to 65535, got ${text === undefined ? 'none' : `'${text}'`}`);
  return port;
}

/** Calls `main` if the module is the program that was started. Does nothing if another module imports it. */
export function runProgram(moduleUrl: string, main: () => unknown): void {
  if (process.argv[1] !== fileURLToPath(moduleUrl)) return;
  Promise.resolve().then(main).catch(fail);
}

/** Prints an error, and sets the exit code to 1. */
export function fail(error: unknown): void {
  console.error(String(error));
  process.exitCode = 1;
}
