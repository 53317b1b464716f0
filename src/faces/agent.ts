import { Agent, type AgentOptions as HttpAgentOptions, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
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
 * Connections are kept alive and reused if `keepAlive` says so, never between requests whose TLS options differ. A connection
 * that fails, in whatever phase, is the `'error'` of its request: the `IOStreamError` with its code.
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

  constructor(given: AgentOptions) {
    const { plugin, timeouts, lookup, family, localAddress, noDelay, scheduler, ...pooling } = given;
    super(pooling);
    const stream = { plugin, timeouts, lookup, family, localAddress, noDelay, scheduler };
    this.#stream = defined(stream);
  }

  // Node asks the agent, without saying for whom, which protocol it is for and which port goes without saying.

  get protocol(): string {
    return isHttpsCalling() ? 'https:' : 'http:';
  }

  set protocol(_protocol: string) {
    // What http.Agent sets.
  }

  get defaultPort(): number {
    return isHttpsCalling() ? 443 : 80;
  }

  set defaultPort(_port: number) {
    // What http.Agent sets.
  }

  /** Requests that may share a connection have the same name. */
  override getName(asked: Asked = {}): string {
    return isSecure(asked) ? `https:${HttpsAgent.prototype.getName.call(this, asked)}` : super.getName(asked);
  }

  override createConnection(asked: Asked): Duplex {
    const { plugin = {} } = this.#stream;
    const layers = isSecure(asked) ? ([['https', this.#tlsFor(asked)], ...pluginEntries(plugin)] as const) : plugin;
    const target = asked.socketPath ? { path: asked.socketPath } : { host: asked.host ?? 'localhost', port: Number(asked.port) };
    return toDuplex(new IOStream({ ...this.#stream, ...target, plugin: layers }));
  }

  #tlsFor(asked: Asked): Plugin {
    const name = this.getName(asked);
    const client = this.#clients.get(name) ?? tlsClient(pick(asked, Object.keys(CLIENT_OPTIONS)));
    // The one used last comes last; the first is let go.
    this.#clients.delete(name);
    this.#clients.set(name, client);
    const [oldest] = this.#clients.keys();
    if (this.#clients.size > MOST_CLIENTS && oldest !== undefined) this.#clients.delete(oldest);
    return client;
  }
}

/** Without what is not given: an option that is undefined would not be absent. */
function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== null)) as T;
}

function pick(options: object, names: readonly string[]): TlsClientOptions {
  return defined(Object.fromEntries(names.map((name) => [name, (options as Record<string, unknown>)[name]])));
}

function isSecure({ protocol, _defaultAgent }: Asked): boolean {
  return (protocol ?? (_defaultAgent as { protocol?: string } | undefined)?.protocol) === 'https:';
}

/** By the stack: there is no other way, and no harm if it fails, since a request that names its port needs none. */
function isHttpsCalling(): boolean {
  return new Error().stack?.includes('node:https:') === true;
}
