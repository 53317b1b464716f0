import { Agent, type AgentOptions as HttpAgentOptions, type ClientRequest } from 'node:http';
import { addAbortSignal, type Duplex } from 'node:stream';
import { NEVER } from 'rxjs';
import { IOStream } from '../stream/io-stream.ts';
import { checkOptionsWithoutPlace, type IOStreamOptions } from '../stream/options.ts';
import { ownOptions } from '../wire/own-options.ts';
import { pluginEntries } from '../wire/stack.ts';
import { defined, isSecure, normalized, targetOf, type ConnectionRequest } from './agent-request.ts';
import { isHttpsCalling } from './is-https-calling.ts';
import { nextTick } from './next-tick.ts';
import type { SocketDuplex } from './socket-duplex.ts';
import { TlsPool } from './tls-pool.ts';
import { toDuplex } from './to-duplex.ts';

/** How an {@link agent} connects: the options of a stream that are the same for every request, and those of `http.Agent`. */
export interface AgentOptions
  extends
    Pick<HttpAgentOptions, 'keepAlive' | 'keepAliveMsecs' | 'maxSockets' | 'maxTotalSockets' | 'maxFreeSockets' | 'scheduling' | 'timeout'>,
    Pick<IOStreamOptions, 'plugin' | 'timeouts' | 'lookup' | 'family' | 'localAddress' | 'noDelay' | 'scheduler'> {}

const NAMES = [
  ...(['keepAlive', 'keepAliveMsecs', 'maxSockets', 'maxTotalSockets', 'maxFreeSockets', 'scheduling', 'timeout'] as const),
  ...(['plugin', 'timeouts', 'lookup', 'family', 'localAddress', 'noDelay', 'scheduler'] as const),
];

/** What a caller of `createConnection` may give: called once, when the connection is there or has failed. */
type Created = (error: Error | null, duplex: Duplex) => void;

/** What Node's types do not name. */
interface RequestTaker {
  addRequest(request: ClientRequest, options: ConnectionRequest): void;
}

/**
 * Makes an agent for `http` and `https` whose connections go through any stack of plugins.
 *
 * ```text
 *   http.get('http://…')   ── agent ── plugins ── tcp ── server
 *   https.get('https://…') ── agent ── tlsClient ── plugins ── tcp ── server
 * ```
 *
 * For `https:` one `tlsClient` is laid on top, made of the request's own options (`ca`, `cert`, `servername`,
 * `rejectUnauthorized`, `ALPNProtocols`, `pskCallback`, …), which reach no other layer; its sessions are reused, for at most 100
 * servers. Only a request of `http:` goes out in clear text; where the protocol is unclear, as in a `createConnection` of your own
 * without `protocol`, TLS is used.
 *
 * Connections are kept alive and reused if `keepAlive` is true, never between requests whose TLS options differ: strings, numbers,
 * bytes and arrays of them are compared by value, functions (`verify`, `checkServerIdentity`) and other objects by identity, so give
 * the same one each time.
 *
 * All options of a request about its connection count as with Node's own agents: `lookup`, `hints`, `family`, `localAddress`,
 * `localPort`, `socketPath`, `timeout`, `autoSelectFamily: false`; `lookup`, `family` and `localAddress` go before those given here.
 * `timeout` is `'timeout'` on the request after that many milliseconds without a byte, the time of connecting included; it closes nothing.
 *
 * **Errors**: a connection that fails, in whatever phase, is the `'error'` of its request, with Node's own code (`ENOTFOUND`,
 * `ECONNREFUSED`, `CERT_HAS_EXPIRED`, …) and the `IOStreamError` in `cause`; see `toDuplex`. Options of a request that cannot be used
 * are the `TypeError`.
 *
 * **Closing**: a request that is destroyed frees its place at once, also while it connects. `agent.destroy()` closes all connections.
 *
 * @param options those of `http.Agent` about pooling, and of `IOStream` about connecting; all default to theirs.
 * @returns an `http.Agent` that takes requests of both protocols.
 * @see toDuplex
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

class StreamAgent extends Agent implements RequestTaker {
  readonly #stream: IOStreamOptions;
  readonly #tls = new TlsPool();
  /** None: Node takes that of the request then. */
  readonly protocol = undefined;

  constructor(options: AgentOptions) {
    const { plugin, timeouts, lookup, family, localAddress, noDelay, scheduler, ...pooling } = ownOptions(options, 'agent', NAMES);
    // Node's Agent has a `noDelay` of its own, which goes before that of a request.
    super(noDelay === undefined ? pooling : { ...pooling, noDelay });
    this.#stream = defined(checkOptionsWithoutPlace({ plugin, timeouts, lookup, family, localAddress, noDelay, scheduler }));
  }

  /** The default port. Node reads it without saying for which protocol. */
  get defaultPort(): number {
    return isHttpsCalling() ? 443 : 80;
  }

  set defaultPort(_port: number) {
    // What http.Agent sets.
  }

  /** Requests that may share a connection have the same name. */
  override getName(request: ConnectionRequest = {}): string {
    const given = ownOptions(request, 'getName of an agent');
    const place = super.getName(given as Parameters<Agent['getName']>[0]);
    return isSecure(given) ? `https:${place}:${this.#tls.digest(given)}` : place;
  }

  /** What Node calls for each request: the request knows its protocol, its options may not. */
  addRequest(request: ClientRequest, options: ConnectionRequest | string, port?: number, localAddress?: string): void {
    const given = typeof options === 'string' ? { host: options, port, localAddress } : options;
    (Agent.prototype as Agent & RequestTaker).addRequest.call(this, request, normalized(given, request));
  }

  override createConnection(request: ConnectionRequest, created?: Created): Duplex {
    const duplex = this.#connectOrFail(normalized(request));
    if (created) whenCreated(duplex, created);
    return duplex;
  }

  #connectOrFail(request: ConnectionRequest): SocketDuplex {
    try {
      return this.#connect(request);
    } catch (error) {
      return failing(error as Error);
    }
  }

  #connect(request: ConnectionRequest): SocketDuplex {
    const { plugin = {}, ...stream } = this.#stream;
    const tls = isSecure(request) ? ([['https', this.#tls.client(this.getName(request), request)]] as const) : [];
    const target = targetOf(request, stream);
    const duplex = toDuplex(new IOStream({ ...stream, ...target, plugin: [...tls, ...pluginEntries(plugin)] }));
    const { timeout, keepAlive, keepAliveInitialDelay, signal } = request;
    if (timeout) duplex.setTimeout(timeout);
    if (keepAlive) duplex.setKeepAlive(true, keepAliveInitialDelay);
    return signal ? addAbortSignal(signal, duplex) : duplex;
  }
}

/**
 * A connection that fails. Nothing is thrown at Node: a request that had to wait for its turn would never see it. The error comes in
 * a later tick, when the request listens.
 */
function failing(error: Error): SocketDuplex {
  const duplex = toDuplex(new IOStream({ wire: () => () => NEVER }));
  nextTick(() => duplex.destroy(error));
  return duplex;
}

function whenCreated(duplex: SocketDuplex, created: Created): void {
  const connected = duplex.secureConnecting ? 'secureConnect' : 'connect';
  const call = (error: Error | null): void => {
    duplex.off(connected, onConnect).off('error', call);
    created(error, duplex);
  };
  const onConnect = (): void => call(null);
  duplex.once(connected, onConnect).once('error', call);
}
