import { Agent, type AgentOptions as HttpAgentOptions, type ClientRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import { NEVER } from 'rxjs';
import { checkOptionsWithoutEndpoint } from '../stream/check-stream-options.ts';
import { IOStream, type IOStreamOptions } from '../stream/io-stream.ts';
import { ownOptions } from '../util/own-options.ts';
import { pluginEntries } from '../wire/stack.ts';
import { isSecure, normalized, type ConnectionRequest } from './agent-request.ts';
import { defined } from './defined.ts';
import { dialDuplex } from './dial-duplex.ts';
import { isHttpsCalling } from './is-https-calling.ts';
import { nextTick } from './next-tick.ts';
import type { SocketDuplex } from './socket-duplex.ts';
import { TlsPool } from './tls-pool.ts';
import { toDuplex } from './to-duplex.ts';
import { whenCreated } from './when-created.ts';

/** The options of an {@link agent}: those of `http.Agent` about pooling, and those of a stream about connecting. */
export interface AgentOptions
  extends
    Pick<HttpAgentOptions, 'keepAlive' | 'keepAliveMsecs' | 'maxSockets' | 'maxTotalSockets' | 'maxFreeSockets' | 'scheduling' | 'timeout'>,
    Pick<IOStreamOptions, 'plugin' | 'timeouts' | 'guard' | 'lookup' | 'family' | 'localAddress' | 'noDelay' | 'scheduler'> {}

const NAMES = [
  ...(['keepAlive', 'keepAliveMsecs', 'maxSockets', 'maxTotalSockets', 'maxFreeSockets', 'scheduling', 'timeout'] as const),
  ...(['plugin', 'timeouts', 'guard', 'lookup', 'family', 'localAddress', 'noDelay', 'scheduler'] as const),
];

/** The optional callback of `createConnection`. Called once, when the connection is open or has failed. */
type Created = (error: Error | null, duplex: Duplex) => void;

/** The methods of `http.Agent` that Node's types lack. */
interface UntypedAgent {
  addRequest(request: ClientRequest, options: ConnectionRequest): void;
}

/**
 * Creates an agent for `http` and `https` whose connections use a stack of plugins, for example a proxy.
 *
 * ```text
 *   http.get('http://…')   ── agent ── plugins ── tcp ── server
 *   https.get('https://…') ── agent ── tlsClient ── plugins ── tcp ── server
 * ```
 *
 * For `https:`, adds one `tlsClient` on top, with the TLS options of the request (`ca`, `cert`, `servername`, `rejectUnauthorized`,
 * `ALPNProtocols`, `pskCallback`, …). No other layer receives them.
 *
 * With `keepAlive: true`, connections are reused, but never between requests whose TLS options differ. Pass the same function
 * (`verify`, `checkServerIdentity`) each time.
 *
 * The connection options of a request (`lookup`, `family`, `socketPath`, `timeout`, …) work as with Node's agents. They override those
 * of the agent.
 *
 * **Errors**
 * - A failed connection is the `'error'` of its request, with Node's code (`ENOTFOUND`, `ECONNREFUSED`, `CERT_HAS_EXPIRED`, …) and
 *   the `IOStreamError` in `cause`; see `toDuplex`.
 * - Invalid options of a request are a `TypeError`, emitted in the same way.
 *
 * **Closing**
 * - Destroying a request frees its slot in the pool at once, also while it connects.
 * - `agent.destroy()` closes all connections.
 *
 * **Memory**
 * - Keeps the TLS sessions of at most 100 combinations of server and TLS options.
 *
 * @param options defaults are those of `http.Agent` and of `IOStream`.
 * @returns an `http.Agent` for requests of both protocols.
 * @throws TypeError for wrong options.
 * @see docs/guides/libraries.md for the options of requests, {@link dialer} for `fetch` and other libraries.
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

class StreamAgent extends Agent implements UntypedAgent {
  readonly #stream: IOStreamOptions;
  readonly #tls = new TlsPool();
  /** Undefined, so that Node accepts requests of both protocols. */
  readonly protocol = undefined;

  constructor(options: AgentOptions) {
    const { plugin, timeouts, guard, lookup, family, localAddress, noDelay, scheduler, ...pooling } = ownOptions(options, 'agent', NAMES);
    // The `noDelay` of Node's Agent overrides that of a request.
    super(noDelay === undefined ? pooling : { ...pooling, noDelay });
    this.#stream = defined(
      checkOptionsWithoutEndpoint({ plugin, timeouts, guard, lookup, family, localAddress, noDelay, scheduler }) as IOStreamOptions,
    );
  }

  /** The default port. Node reads it without a hint for which protocol. */
  get defaultPort(): number {
    return isHttpsCalling() ? 443 : 80;
  }

  set defaultPort(_port: number) {
    // Ignored: the constructor of http.Agent assigns it.
  }

  /** Returns the same name for requests that may share a connection. */
  override getName(request: ConnectionRequest = {}): string {
    const own = ownOptions(request, 'getName of an agent');
    const name = super.getName(own as Parameters<Agent['getName']>[0]);
    return isSecure(own) ? `https:${name}:${this.#tls.digest(own)}` : name;
  }

  /** Called by Node for each request. Adds the protocol of the request, which its options may lack. */
  addRequest(request: ClientRequest, options: ConnectionRequest | string, port?: number, localAddress?: string): void {
    const target = typeof options === 'string' ? { host: options, port, localAddress } : options;
    (Agent.prototype as Agent & UntypedAgent).addRequest.call(this, request, normalized(target, request));
  }

  override createConnection(request: ConnectionRequest, created?: Created): Duplex {
    const duplex = this.#connectOrFail(normalized(request));
    if (created) whenCreated(duplex, (error) => created(error, duplex));
    return duplex;
  }

  #connectOrFail(request: ConnectionRequest): SocketDuplex {
    try {
      return this.#connect(request);
    } catch (error) {
      return failedDuplex(error as Error);
    }
  }

  #connect(request: ConnectionRequest): SocketDuplex {
    const { plugin = {}, ...stream } = this.#stream;
    const tls = isSecure(request) ? ([['https', this.#tls.client(this.getName(request), request)]] as const) : [];
    return dialDuplex(request, stream, [...tls, ...pluginEntries(plugin)]);
  }
}

/**
 * Returns a connection that fails in a later tick, when the request has its listeners. An exception thrown at Node would not reach a
 * request that was queued.
 */
function failedDuplex(error: Error): SocketDuplex {
  const duplex = toDuplex(new IOStream({ wire: () => () => NEVER }));
  nextTick(() => duplex.destroy(error));
  return duplex;
}
