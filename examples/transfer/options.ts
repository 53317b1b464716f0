import { parseArgs } from 'node:util';
import { Failure } from './failure.ts';

/** The options of the command line. */
export interface Options {
  readonly help: boolean;
  /** The file to send. @default a generated file of `size` bytes */
  readonly file?: string;
  readonly size: number;
  /** The echo server. @default an embedded one */
  readonly to?: { readonly host: string; readonly port: number };
}

export const HELP = `Sends a file to an echo server, takes it back and compares the SHA-256 of both. The embedded server is reached through
TLS, an HTTP proxy with a password and a SOCKS5 proxy; one of yours through a cipher.

usage:  npm start                          a file of 64 MiB, made for the occasion and removed at the end
        npm start -- FILE                  your own file, of any size
        npm start -- [FILE] --to HOST:PORT to an echo server of yours ([::1]:7 for IPv6) instead of the embedded one

  --size SIZE  how large the made file is: a number of bytes, or with KiB, MiB or GiB. Default: 64MiB
  --help       this text

Exit code 0: what came back is what was sent. 1: it is not, or something failed; the last lines say what.`;

const FACTORS = { '': 1, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 } as const;

/** Parses the command line. Throws a {@link Failure} that names the mistake. */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parsed(args);
  const [file, ...more] = positionals;
  if (more.length > 0) throw wrong('one FILE at most', positionals.map((each) => `"${each}"`).join(' '));
  if (file === '') throw wrong('the name of a FILE', 'an empty one');
  if (file !== undefined && values.size !== undefined) throw wrong('FILE or --size', 'both');
  return {
    help: values.help,
    size: parseSize(values.size ?? '64MiB'),
    ...(file === undefined ? {} : { file }),
    ...(values.to === undefined ? {} : { to: parseTarget(values.to) }),
  };
}

function parsed(args: readonly string[]) {
  try {
    const options = { help: { type: 'boolean', default: false }, size: { type: 'string' }, to: { type: 'string' } } as const;
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    // Only the first sentence of Node's message, which names the flag. The rest is about Node.
    throw wrong('[FILE] [--to HOST:PORT] [--size SIZE] [--help]', (error as Error).message.split(/\.\s|\n/)[0] ?? '');
  }
}

function parseSize(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)(|KiB|MiB|GiB)$/i.exec(text) ?? [];
  const size = Number(digits) * FACTORS[unit.toLowerCase() as keyof typeof FACTORS];
  if (digits === '' || !Number.isSafeInteger(size)) throw wrong('--size to be a number of bytes such as 1000, 64MiB or 1GiB', `"${text}"`);
  return size;
}

function parseTarget(text: string): { readonly host: string; readonly port: number } {
  const [, inBrackets, name, digits] = /^(?:\[([\da-f:.%]+)\]|([^\s\p{Cc}:[\]]+)):(\d{1,5})$/iu.exec(text) ?? [];
  const [host, port] = [inBrackets ?? name, Number(digits)];
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    throw wrong('--to HOST:PORT with a port from 1 to 65535, such as 127.0.0.1:7 or [::1]:7', `"${text}"`);
  }
  return { host, port };
}

const wrong = (expected: string, came: string): Failure => new Failure(expected, came, 'see npm start -- --help');
