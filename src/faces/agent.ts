import { createHmac, randomBytes } from 'node:crypto';
import { Agent, type AgentOptions as HttpAgentOptions, type ClientRequestArgs } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { asapScheduler, NEVER } from 'rxjs';
import { tlsClient, type TlsClientOptions } from '../plugins/tls-client.ts';
import { CLIENT_OPTIONS } from '../plugins/tls-options.ts';
import { IOStream } from '../stream/io-stream.ts';
import type { IOStreamOptions } from '../stream/options.ts';
import type { Plugin } from '../wire/signal.ts';
import { pluginEntries } from '../wire/stack.ts';
import { toDuplex } from './to-duplex.ts';

/** How an {@link agent} connects: the options of a stream that are the same for every request, and those of `http.Agent`. */
export interface AgentOptions
  extends
    Pick<HttpAgentOptions, 'keepAlive' | 'keepAliveMsecs' | 'maxSockets' | 'maxTotalSockets' | 'maxFreeSockets' | 'scheduling' | 'timeout'>,
    Pick<IOStreamOptions, 'plugin' | 'timeouts' | 'lookup' | 'family' | 'localAddress' | 'noDelay' | 'scheduler'> {}

/** So many TLS plugins, one for each server and set of options, are kept with their sessions. */
const MOST_CLIENTS = 100;

/** What of a request goes into its TLS, and what goes before the options of the agent. */
const TLS = Object.keys(CLIENT_OPTIONS) as (keyof TlsClientOptions)[];
const CONNECTING = ['lookup', 'family', 'localAddress'] as const;
type Connecting = Pick<IOStreamOptions, (typeof CONNECTING)[number]>;

/** What Node gives an agent besides the request: TLS options, and who asks. */
type Asked = ClientRequestArgs & RequestOptions & { readonly protocol?: string | null; readonly _defaultAgent?: Agent };

/**
 * Makes an agent for `http` and `https` whose connections go through any stack of plugins.
 *
 * ```text
 *   http.get('http://…')   ── agent ── plugins ── tcp ── server
 *   https.get('https://…') ── agent ── tlsClient ── plugins ── tcp ── server
 * ```
 *
 * For `https:` one `tlsClient` is laid on top, made of the request's own options (`ca`, `cert`, `servername`,
 * `rejectUnauthorized`, `ALPNProtocols`, …), which reach no other layer; its sessions are reused, for at most 100 servers.
 * Connections are kept alive and reused if `keepAlive` says so, never between requests whose TLS options differ: strings,
 * numbers, bytes and arrays of them are compared by what is in them, functions (`verify`, `checkServerIdentity`) and other objects
 * by which they are, so give the same one each time. `lookup`, `family` and `localAddress` of a request go before those given here.
 *
 * A connection that fails, in whatever phase, is the `'error'` of its request: the `IOStreamError` with its code; so are options
 * of a request that cannot be used: the `TypeError`.
 *
 * @param options those of `http.Agent` about pooling, and of `IOStream` about connecting; all default to theirs.
 * @returns an `http.Agent` that takes requests of both protocols. `agent.destroy()` closes what is kept.
 *
 * ```ts
 * import { get } from 'node:http';
 * import { agent, socks5 } from 'rxjs-io-stream';
 *
 * const proxied = agent({ plugin: { proxy: socks5({ host: '127.0.0.1', port: 1080 }) }, keepAlive: true });
 * get('http://example.test/', { agent: proxied }, (response) => response.pipe(process.stdout)).on('error', console.error);
 * ```
 */
export function agent(options: AgentOptions = {}): Agent {
  return new StreamAgent(options);
}

class StreamAgent extends Agent {
  readonly #stream: IOStreamOptions;
  readonly #clients = new Map<string, Plugin>();
  /** Tells functions and other objects from each other. */
  readonly #numbers = new WeakMap<object, number>();
  #lastNumber = 0;
  readonly #salt = randomBytes(32);
  /** None: Node takes that of the request then. */
  readonly protocol = undefined;

  constructor(given: AgentOptions) {
    const { plugin, timeouts, lookup, family, localAddress, noDelay, scheduler, ...pooling } = given;
    super(pooling);
    const stream = { plugin, timeouts, lookup, family, localAddress, noDelay, scheduler };
    this.#stream = defined(stream);
  }

  /** The port that goes without saying. Node asks without saying for which protocol. */
  get defaultPort(): number {
    return isHttpsCalling() ? 443 : 80;
  }

  set defaultPort(_port: number) {
    // What http.Agent sets.
  }

  /** Requests that may share a connection have the same name. */
  override getName(asked: Asked = {}): string {
    const place = super.getName(asked);
    return isSecure(asked) ? `https:${place}:${this.#digest(asked)}` : place;
  }

  override createConnection(asked: Asked): Duplex {
    try {
      return this.#connect(asked);
    } catch (error) {
      return failing(error as Error);
    }
  }

  #connect(asked: Asked): Duplex {
    const { plugin = {} } = this.#stream;
    const layers = isSecure(asked) ? ([['https', this.#tlsFor(asked)], ...pluginEntries(plugin)] as const) : plugin;
    const target = asked.socketPath ? { path: asked.socketPath } : { host: asked.host ?? 'localhost', port: Number(asked.port) };
    return toDuplex(new IOStream({ ...this.#stream, ...pick<Connecting>(asked, CONNECTING), ...target, plugin: layers }));
  }

  #tlsFor(asked: Asked): Plugin {
    const name = this.getName(asked);
    const client = this.#clients.get(name) ?? tlsClient(pick<TlsClientOptions>(asked, TLS));
    // The one used last comes last; the first is let go.
    this.#clients.delete(name);
    this.#clients.set(name, client);
    const [oldest] = this.#clients.keys();
    if (this.#clients.size > MOST_CLIENTS && oldest !== undefined) this.#clients.delete(oldest);
    return client;
  }

  /** The same for the same TLS options. Only a digest: the name is there for everybody to see, and a key or passphrase is not. */
  #digest(asked: Asked): string {
    const entries = Object.entries(pick<TlsClientOptions>(asked, TLS)).map(([name, value]) => [name, this.#wordsOf(value)]);
    return createHmac('sha256', this.#salt).update(JSON.stringify(entries)).digest('base64');
  }

  #wordsOf(value: unknown): unknown {
    if (ArrayBuffer.isView(value)) return { bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
    if (Array.isArray(value)) return value.map((each) => this.#wordsOf(each));
    if (typeof value === 'function' || (typeof value === 'object' && value !== null)) return { object: this.#numberOf(value) };
    return `${typeof value} ${String(value)}`;
  }

  #numberOf(object: object): number {
    const number = this.#numbers.get(object) ?? (this.#lastNumber += 1);
    this.#numbers.set(object, number);
    return number;
  }
}

/** A connection that fails. Not thrown at Node: of a request that had to wait for its turn nobody would be told. */
function failing(error: Error): Duplex {
  const duplex = toDuplex(new IOStream({ wire: () => () => NEVER }));
  // The request does not listen yet.
  asapScheduler.schedule(() => duplex.destroy(error));
  return duplex;
}

/** Without what is not given: an option that is undefined would not be absent. */
function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== null)) as T;
}

function pick<T extends object>(options: object, names: readonly (keyof T)[]): T {
  return defined(Object.fromEntries(names.map((name) => [name, Reflect.get(options, name) as unknown]))) as T;
}

function isSecure({ protocol, _defaultAgent }: Asked): boolean {
  return (protocol ?? (_defaultAgent as { protocol?: string } | undefined)?.protocol) === 'https:';
}

/** By the stack, whatever the program has made of stacks: there is no other way. */
function isHttpsCalling(): boolean {
  const { stackTraceLimit, prepareStackTrace } = Error as StackRules;
  setStackRules({ stackTraceLimit: 10, prepareStackTrace: undefined });
  try {
    return new Error().stack?.includes('node:https:') === true;
  } finally {
    setStackRules({ stackTraceLimit, prepareStackTrace });
  }
}

interface StackRules {
  readonly stackTraceLimit?: unknown;
  readonly prepareStackTrace?: unknown;
}

/** Does nothing where they are frozen. */
function setStackRules(rules: StackRules): void {
  for (const [name, rule] of Object.entries(rules)) Reflect.set(Error, name, rule);
}
