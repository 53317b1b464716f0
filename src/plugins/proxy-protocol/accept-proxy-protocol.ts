import type { Observable } from 'rxjs';
import { EPROTOCOL, IOStreamError } from '../../errors.ts';
import type { AdmitRules } from '../../layers/admit-rules.ts';
import { handshake } from '../../layers/handshake.ts';
import { readProxyHeader } from '../../protocol/proxy-protocol.ts';
import type { ProxyAddress, ProxyHeader } from '../../protocol/proxy-protocol-types.ts';
import { checkOptions, type OptionSet } from '../../util/check-options.ts';
import { describeNumber, describeValue } from '../../util/describe.ts';
import { isObject } from '../../util/value-tests.ts';
import { endpointsOf, withEndpoints } from '../../wire/endpoints.ts';
import type { Endpoints, Plugin } from '../../wire/signal.ts';
import { admitClients } from './admit-clients.ts';
import { peerOf, trustTest, type ProxyPeer, type TrustedPeers } from './trusted-peers.ts';

/** The options of {@link acceptProxyProtocol}. */
export interface AcceptProxyProtocolOptions {
  /**
   * The proxies whose header counts: addresses and CIDR ranges, or a function of the peer. An IPv4 address also matches a peer that is
   * mapped to IPv6. A UNIX socket has no address: trust it with a function.
   */
  readonly trusted: TrustedPeers;
  /**
   * What to do without a header. `'required'`: refuse the connection, and every peer that is not trusted. `'auto'`: pass the bytes as
   * they are; the header of a peer that is not trusted is passed as bytes, too. @default 'required'
   */
  readonly mode?: 'required' | 'auto' | undefined;
  /** The maximum size of a header of version 2, in bytes, 232 to 65551. Version 1 has at most 107. @default 16384 */
  readonly limit?: number | undefined;
  /**
   * Which clients to admit, by the address that the stream has as `remoteAddress`. A client is judged when the header is complete, before
   * layers above such as TLS. A health check (LOCAL) is always admitted.
   *
   * - The connections of this plugin are counted together: make one plugin for each server.
   * - An Observable of rules is subscribed for each connection. The last rules that it emits at once count, as of a `BehaviorSubject` or
   *   `shareReplay(1)`. Without any, no client is admitted.
   *
   * @default all
   */
  readonly admit?: AdmitRules | Observable<AdmitRules> | undefined;
}

/** What {@link acceptProxyProtocol} reports in `details`. Without a header, only `isTrusted`, `client` and `destination`. */
export interface AcceptedProxyFacts extends Partial<Omit<ProxyHeader, 'client' | 'destination'>> {
  /** Whether the peer is trusted. */
  readonly isTrusted: boolean;
  /** The client, as `remoteAddress` and `remotePort`. Without addresses in the header, it is the peer. */
  readonly client: ProxyAddress;
  /** Where the client connected to, as `localAddress` and `localPort`. */
  readonly destination: ProxyAddress;
  /** The proxy: the other end of the socket. Absent without a header. */
  readonly proxy?: ProxyAddress | undefined;
}

/** The size of the largest addresses, those of UNIX sockets. Every receiver must take them. */
const MIN_LIMIT = 232;
const MAX_LIMIT = 16 + 65535;
const DEFAULT_LIMIT = 16 * 1024;

const isLimit = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= MIN_LIMIT && (value as number) <= MAX_LIMIT;
const OPTIONS: OptionSet = {
  caller: 'acceptProxyProtocol',
  rules: {
    trusted: ['a list of addresses and ranges, or a function', (value) => Array.isArray(value) || typeof value === 'function'],
    mode: ["'required' or 'auto'", (value) => value === 'required' || value === 'auto', describeValue],
    admit: ['rules such as { perAddress: 10 }, or an Observable of them', isObject],
    limit: [`an integer from ${MIN_LIMIT} to ${MAX_LIMIT}`, isLimit, describeNumber],
  },
  required: ['trusted'],
};

/**
 * Creates a plugin for a server behind a proxy that sends the PROXY protocol, version 1 or 2. The stream then has the addresses of
 * the client.
 *
 * ```text
 *   application        acceptProxyProtocol              proxy               client
 *        │                     │◀─────── connects ──────│◀──── connects ─────│
 *        │                     │◀── PROXY TCP4 … CR LF ─│                    │
 *        │◀──── connected ─────│   remoteAddress: the client's               │
 *        │◀════════════════════════ bytes, both ways ═══════════════════════▶│
 * ```
 *
 * For TLS above it, stack it last. `ip`, `remoteAddress`, `localAddress` and the ports are those of the header. `details.<name>` has
 * `client`, `destination`, `proxy` and the header. With LOCAL (health checks), UNKNOWN and UNSPEC, the socket's own remain.
 *
 * With `mode: 'auto'` the client must write first: a server that greets would wait for it.
 *
 * **Errors**
 * - EPROTOCOL, before any byte reaches the application: a malformed header, named by its field; a wrong CRC32C; a header over the
 *   limit; an early end. With `'required'`, also no header, and a peer that is not trusted.
 * - EBLOCKED: `admit` refuses the client.
 * - ETOHANDSHAKE: after `timeouts.handshake`.
 *
 * **Closing**
 * - Unsubscribing frees everything at once.
 *
 * **Backpressure**
 * - Lossless.
 *
 * **Memory**
 * - At most `limit` for a header.
 *
 * ```ts
 * import { acceptProxyProtocol, listen } from 'rxjs-io-stream';
 *
 * const proxied = acceptProxyProtocol({ trusted: ['10.0.0.0/8', '::1'] });
 * listen({ port: 7007, plugin: { proxied } }, (io) => {
 *   console.log(io.remoteAddress, io.details.proxied.proxy?.address);
 *   return io.send(io);
 * }).subscribe({ error: console.error });
 * ```
 *
 * @param options `trusted`, `mode`, `limit` and `admit`; read once.
 * @throws TypeError for an invalid option.
 * @returns a plugin that reports {@link AcceptedProxyFacts}.
 * @see docs/guides/proxy-protocol.md, {@link sendProxyProtocol}
 */
export function acceptProxyProtocol(options: AcceptProxyProtocolOptions): Plugin<AcceptedProxyFacts> {
  const { trusted, mode = 'required', limit = DEFAULT_LIMIT, admit } = checkOptions(options, OPTIONS);
  const isTrusted = trustTest(trusted);
  const isOptional = mode === 'auto';
  const plugin = handshake<AcceptedProxyFacts>({
    *talk(link, _target, below) {
      const own = endpointsOf(below);
      const peer = peerOf(own.remoteAddress, own.remotePort);
      if (isTrusted(peer)) return factsOf(yield* readProxyHeader(link, { limit, isOptional }), own);
      if (!isOptional) throw notTrusted(peer);
      return { isTrusted: false, ...socketEnds(own) };
    },
  });
  return admit === undefined ? plugin : admitClients(plugin, admit);
}

function factsOf(header: ProxyHeader | undefined, own: Endpoints): AcceptedProxyFacts {
  const socket = socketEnds(own);
  if (!header) return { isTrusted: true, ...socket };
  const { client = socket.client, destination = socket.destination, ...rest } = header;
  const facts = { isTrusted: true, ...rest, client, destination, proxy: socket.client };
  return withEndpoints(facts, header.client && endpointsBetween(client, destination));
}

function socketEnds({ remoteAddress, remotePort, localAddress, localPort }: Endpoints): {
  client: ProxyAddress;
  destination: ProxyAddress;
} {
  return { client: end(remoteAddress, remotePort), destination: end(localAddress, localPort) };
}

function end(address: string | undefined, port: number | undefined): ProxyAddress {
  return address === undefined ? {} : { address, port };
}

function endpointsBetween(client: ProxyAddress, destination: ProxyAddress): Endpoints {
  return {
    remoteAddress: client.address,
    remotePort: client.port,
    localAddress: destination.address,
    localPort: destination.port,
  };
}

function notTrusted({ address }: ProxyPeer): IOStreamError {
  const unknown = 'a peer without an address, which has left already or is a UNIX socket: trust that with a function';
  const peer = address === undefined ? unknown : `${address}; add it if it is your proxy`;
  const message = `expected a proxy of \`trusted\`, got a connection from ${peer}`;
  return new IOStreamError(EPROTOCOL, { phase: 'handshake', message });
}
