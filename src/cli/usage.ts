import { parseArgs, type ParseArgsConfig } from 'node:util';

export const HELP = `Shows connections of rxjs-io-stream.

usage:  npx rxjs-io-stream view FILE [--svg | --mermaid | --text | --pcapng] [--no-content] [--out PATH] [--no-open]
        npx rxjs-io-stream record --listen [HOST:]PORT --to HOST:PORT [--tls] FILE

view draws a recording. FILE is one, as \`record\` of rxjs-io-stream/testing writes it; - reads standard input.
  (no format)     writes a page beside FILE, prints its path, and opens it in a browser. It replaces the page of before
  --svg           prints the picture
  --mermaid       prints a sequence diagram, for an issue
  --text          prints the diagram and the values of a test for \`marbles\`
  --pcapng        prints a capture file, for Wireshark: what passed on the wire, or with --side app, what passed above the TLS of --tls
  --out PATH      writes to PATH instead
  --no-content    shows how many bytes passed, and none of them (not with --text or --pcapng)
  --no-open       opens no browser

record forwards connections, and writes a recording of each: the first to FILE, the next to FILE-2 and so on. Ctrl-C ends it.
No file is replaced without --force.
  --listen        where to accept, such as 8080; the host is 127.0.0.1 unless you name one
  --to            where to connect, such as example.com:443
  --tls           speaks TLS to the target: clients connect without it, and both the plain and the encrypted bytes are recorded
  --ca FILE       accepts certificates of this authority (PEM), with --tls
  --limit BYTES   the most memory of one recording. Default: 1048576
  --once          ends after the first connection
  --force         replaces files that exist

RECORDINGS AND PICTURES CONTAIN WHAT PASSED, PASSWORDS TOO. They are written so that only you can read them.
Exit code 0: done. 1: a file or a port failed. 2: wrong arguments.`;

/** Arguments that a command does not understand. The message contains what was expected, and what was there instead. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<T extends Options> = ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>>['values'];

/** Parses the arguments of a command: exactly one FILE, and options. */
export function parseCommand<T extends Options>(args: readonly string[], options: T): { file: string; values: Values<T> } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const [file, ...more] = positionals;
    if (file && more.length === 0) return { file, values };
    throw new UsageError(`expected one FILE, got ${positionals.length === 0 ? 'none' : positionals.map((each) => `'${each}'`).join(' ')}`);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    // The first sentence of Node's message names the option. The rest is about `parseArgs`.
    const [words = ''] = (error as Error).message.split(/\.\s|\n/);
    const names = Object.keys(options).map((name) => `--${name}`);
    throw new UsageError(`expected FILE and ${names.join(', ')}, or none of them: ${words}`, { cause: error });
  }
}
