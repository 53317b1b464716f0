import { checkAdmit, type CheckedAdmit } from '../layers/admit-rules.ts';
import { checkOptions, type OptionSet, type Rule } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { isBoolean, isCount, isObject, isPortOrZero, isText } from '../util/value-tests.ts';
import { UNIX_PATH } from '../wire/unix-path.ts';
import { ABORT_SIGNAL, checkOptionsWithoutEndpoint, STREAM_RULES } from './check-stream-options.ts';
import type { IOStreamOptions } from './io-stream.ts';
import type { ListenOptions } from './listen-options.ts';
import { OWN_FIELDS } from './own-fields.ts';

/** Options of the listener itself. */
export type BindOptions = Pick<
  ListenOptions,
  'host' | 'port' | 'path' | 'fd' | 'activation' | 'from' | 'signal' | 'backlog' | 'maxConnections' | 'ipv6Only' | 'exclusive' | 'reusePort'
>;

const BIND_RULES: Readonly<Record<keyof BindOptions | 'admit', Rule>> = {
  host: ['an address to listen on', isText],
  port: ['an integer from 0 to 65535', isPortOrZero],
  path: UNIX_PATH,
  fd: ['a file descriptor, 0 or more', isCount],
  activation: ['true or the name of a descriptor', (value) => value === true || isText(value)],
  from: [
    'a MessagePort, such as `parentPort` of node:worker_threads',
    (value) => isObject(value) && 'postMessage' in value && 'on' in value,
  ],
  signal: ABORT_SIGNAL,
  backlog: ['a number of connections', isCount],
  maxConnections: ['a number of connections, 1 or more', (value) => isCount(value) && value > 0],
  ipv6Only: ['a boolean', isBoolean],
  exclusive: ['a boolean', isBoolean],
  reusePort: ['a boolean', isBoolean],
  admit: ['rules such as { perAddress: 10 }, or an Observable of them', isObject],
};

/** Options of a single outbound connection. Rejected here. */
const OF_ONE: readonly string[] = ['fh', 'wire', 'guard', 'lookup', 'family', 'localAddress', 'localPort'];

const STREAM_RULES_OF_MANY = Object.fromEntries(
  Object.entries(STREAM_RULES).filter(([name]) => !OF_ONE.includes(name) && !Object.hasOwn(BIND_RULES, name)),
);

const USAGE = 'usage: listen({ port | path | fd | activation | from, host?, … }, handler?)';

const LISTEN_OPTIONS: OptionSet = {
  caller: 'listen',
  usage: USAGE,
  rules: { ...BIND_RULES, ...STREAM_RULES_OF_MANY },
  show: describeValue,
  others: { words: OWN_FIELDS.words, accepts: (name) => OF_ONE.includes(name) || OWN_FIELDS.accepts(name) },
};

/** The options of `listen`: of the listener, the rules of `admit`, and those of the accepted streams. */
interface CheckedListenOptions {
  readonly bind: BindOptions;
  readonly admit: CheckedAdmit | undefined;
  readonly stream: IOStreamOptions;
}

/**
 * Copies the options of `listen` and checks the copy.
 *
 * @throws TypeError that names the wrong option.
 */
export function checkListenOptions(options: ListenOptions): CheckedListenOptions {
  const copy = checkOptions(options, LISTEN_OPTIONS);
  const ofOne = OF_ONE.find((name) => (copy as Readonly<Record<string, unknown>>)[name] !== undefined);
  if (ofOne !== undefined) throw listenUsage('no option of one connection', `\`${ofOne}\``);
  const { host, port, path, fd, activation, from, signal, backlog, maxConnections, ipv6Only, exclusive, reusePort, admit, ...stream } =
    copy;
  const given = Object.entries({ port, path, fd, activation, from }).filter(([, value]) => value !== undefined);
  if (given.length !== 1)
    throw listenUsage(
      'one of `port`, `path`, `fd`, `activation` and `from` to listen on',
      given.map(([name]) => `\`${name}\``).join(' and ') || 'none',
    );
  if (from !== undefined && maxConnections !== undefined)
    throw listenUsage('no `maxConnections` with `from`, because the main thread accepts', describeValue(maxConnections));
  const bind = { host, port, path, fd, activation, from, signal, backlog, maxConnections, ipv6Only, exclusive, reusePort };
  return { bind, admit: checkAdmit(admit, 'listen'), stream: checkOptionsWithoutEndpoint(stream) as IOStreamOptions };
}

/** Creates the error of a wrong argument of `listen`. */
export function listenUsage(expected: string, got: string): TypeError {
  return new TypeError(`${USAGE}: expected ${expected}, got ${got}`);
}
