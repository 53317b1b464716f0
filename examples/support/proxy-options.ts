import { FLAG, parseCommandLine, parsePort, TEXT } from './command-line.ts';
import type { DestinationOptions } from './destinations.ts';

/** The options of every proxy. */
export interface ProxyOptions extends DestinationOptions {
  /** The address to listen on. Without a password only a loopback address. @default 127.0.0.1 */
  readonly host?: string | undefined;
  /** @default 0, any free port */
  readonly port?: number | undefined;
  /** The credentials that a client must send. Set both or none. */
  readonly user?: string | undefined;
  readonly pass?: string | undefined;
  /** Called with each line of the log. */
  readonly log?: ((line: string) => void) | undefined;
}

/** @throws TypeError if any host of the network could use the proxy. */
export function checkProxy({ host = '127.0.0.1', user, pass }: ProxyOptions): void {
  if ((user === undefined) !== (pass === undefined)) throw new TypeError('expected `user` and `pass` both or none, got one');
  if (user === undefined && !/^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host))
    throw new TypeError(`expected \`user\` and \`pass\` for a proxy on ${host}, which others can reach, got none`);
}

/** Parses `[--host ADDRESS] [--port PORT] [--user USER --pass PASSWORD] [--allow TARGET]… [--local]`. */
export function proxyArguments(defaultPort: string): ProxyOptions {
  const { values } = parseCommandLine({
    host: TEXT,
    port: { ...TEXT, default: defaultPort },
    user: TEXT,
    pass: TEXT,
    allow: { ...TEXT, multiple: true },
    local: FLAG,
  });
  return { ...values, port: parsePort(values.port), log: (line) => console.log(line) };
}
