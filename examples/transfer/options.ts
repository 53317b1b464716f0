import { FLAG, parseCommandLine, TEXT } from '../support/command-line.ts';
import { parseTarget, type Target } from '../support/target.ts';
import { Failure } from './failure.ts';

/** The options of the command line. */
export interface Options {
  readonly help: boolean;
  /** The file to send. @default a generated file of `size` bytes */
  readonly file?: string;
  readonly size: number;
  /** The echo server. @default an embedded one */
  readonly to?: Target;
  /** Where the picture is written. */
  readonly picture: string;
}

export const HELP = `Sends a file to an echo server, reads it back and compares the SHA-256 of both. The embedded server is reached through
TLS, an HTTP proxy with a password and a SOCKS5 proxy. Your own server is reached through a cipher.

usage:  npm start                          a generated file of 64 MiB, removed at the end
        npm start -- FILE                  your own file, of any size
        npm start -- [FILE] --to HOST:PORT to an echo server of yours ([::1]:7 for IPv6) instead of the embedded one

  --picture P  where to write the picture of the transfer, an SVG. Default: transfer.svg in this folder
  --size SIZE  the size of the generated file: a number of bytes, or with KiB, MiB or GiB. Default: 64MiB
  --help       this text

On a terminal it draws the stack while it runs. Otherwise it prints the times of all events.
NO_COLOR=1 turns colors off.

Exit code 0: the same bytes came back. 1: they did not, or something failed. The last lines explain it.`;

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
    picture: values.picture ?? 'transfer.svg',
    size: parseSize(values.size ?? '64MiB'),
    ...(file === undefined ? {} : { file }),
    ...(values.to === undefined ? {} : { to: targetOf(values.to) }),
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseCommandLine({ help: { ...FLAG, default: false }, size: TEXT, to: TEXT, picture: TEXT }, args);
  } catch (error) {
    throw wrong('[FILE] [--to HOST:PORT] [--size SIZE] [--picture PATH] [--help]', (error as Error).message);
  }
}

function parseSize(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)(|KiB|MiB|GiB)$/i.exec(text) ?? [];
  const size = Number(digits) * FACTORS[unit.toLowerCase() as keyof typeof FACTORS];
  if (digits === '' || !Number.isSafeInteger(size)) throw wrong('--size to be a number of bytes such as 1000, 64MiB or 1GiB', `"${text}"`);
  return size;
}

function targetOf(text: string): Target {
  const target = parseTarget(text);
  if (!target) throw wrong('--to HOST:PORT with a port from 1 to 65535, such as 127.0.0.1:7 or [::1]:7', `"${text}"`);
  return target;
}

const wrong = (expected: string, got: string): Failure => new Failure(expected, got, 'see npm start -- --help');
