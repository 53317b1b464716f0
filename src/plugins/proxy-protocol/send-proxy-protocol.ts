import { handshake } from '../../layers/handshake.ts';
import { parsePlainIp } from '../../protocol/ip-list.ts';
import type { ProxyHeader, ProxyTlvs } from '../../protocol/proxy-protocol-types.ts';
import { encodeV1 } from '../../protocol/proxy-protocol-v1.ts';
import { encodeV2, PATH_BYTES } from '../../protocol/proxy-protocol-v2.ts';
import { checkOption, checkOptions, type OptionSet, type Rule } from '../../util/check-options.ts';
import { describeNumber, describeValue } from '../../util/describe.ts';
import { isObject, isPortOrZero } from '../../util/value-tests.ts';
import { endpointsOf } from '../../wire/endpoints.ts';
import type { Endpoints, Plugin } from '../../wire/signal.ts';
import { relayedEnds, type RelayedConnection } from './relayed-ends.ts';
import { checkedTlvs } from './tlv-options.ts';

/** The options of {@link sendProxyProtocol}. */
export interface SendProxyProtocolOptions {
  /** The version: 1 is a line of text, 2 is binary and carries `tlvs`. @default 2 */
  readonly version?: 1 | 2 | undefined;
  /**
   * The accepted connection that is relayed: a stream, a socket, or an object with the addresses of both its ends. Read once, at the
   * call. @default this connection itself: its local end is the client
   */
  readonly onBehalfOf?: RelayedConnection | undefined;
  /** `'LOCAL'`: this connection is not relayed, such as a health check. It carries no addresses. Version 2 only. @default 'PROXY' */
  readonly command?: 'PROXY' | 'LOCAL' | undefined;
  /** More facts about the client, and `crc32c: true` for a checksum. Version 2 only. @default none */
  readonly tlvs?: ProxyTlvs | undefined;
}

const OPTIONS: OptionSet = {
  caller: 'sendProxyProtocol',
  rules: {
    version: ['1 or 2', (value) => value === 1 || value === 2, describeNumber],
    onBehalfOf: ['a stream, a socket or an object with the addresses of both ends', isObject],
    command: ["'PROXY' or 'LOCAL'", (value) => value === 'PROXY' || value === 'LOCAL', describeValue],
    tlvs: ['an object', isObject],
  },
};

const IP: Rule = ['an IP address', (value) => typeof value === 'string' && parsePlainIp(value) !== undefined, describeValue];
const PORT: Rule = ['an integer from 0 to 65535', isPortOrZero, describeNumber];
const PATH: Rule = [`a path of at most ${PATH_BYTES} bytes`, isUnixPath];
const ON_ENDS: OptionSet = {
  caller: OPTIONS.caller,
  prefix: 'onBehalfOf.',
  rules: { remoteAddress: IP, remotePort: PORT, localAddress: IP, localPort: PORT, remotePath: PATH, localPath: PATH },
};

function isUnixPath(value: unknown): boolean {
  return typeof value === 'string' && new TextEncoder().encode(value).length <= PATH_BYTES && !value.slice(1).includes('\0');
}

/**
 * Creates a plugin that sends the header of the PROXY protocol before all other bytes, so that the server learns the client's
 * address from a proxy of yours.
 *
 * ```text
 *   application        sendProxyProtocol              server
 *        │                     │────── connects ───────▶│
 *        │                     │── PROXY TCP4 … CR LF ─▶│   version 1, or 2 in binary
 *        │◀──── connected ─────│                        │   waits for no reply
 *        │◀═══════════════ bytes, both ways ═══════════▶│
 * ```
 *
 * Stack it below TLS and above a SOCKS or HTTP proxy. Use one plugin for each relayed connection: many clients must not share a
 * connection. IPv4 that is mapped to IPv6 is sent as IPv4. Without addresses, as for a UNIX socket, version 1 sends UNKNOWN and
 * version 2 LOCAL, as haproxy does. `details.<name>` has the header.
 *
 * **Errors**
 * - None of its own. A server that does not accept the header closes.
 *
 * **Closing**
 * - Unsubscribing frees everything at once.
 *
 * **Backpressure**
 * - Lossless. The header is one write.
 *
 * ```ts
 * import { connect, listen, relay, sendProxyProtocol } from 'rxjs-io-stream';
 *
 * listen({ port: 7007 }, (io) => {
 *   const plugin = { header: sendProxyProtocol({ version: 2, onBehalfOf: io, tlvs: { crc32c: true } }) };
 *   return connect({ host: '127.0.0.1', port: 7008, plugin }, (server) => relay(io, server));
 * }).subscribe({ error: console.error });
 * ```
 *
 * @param options read once, at the call.
 * @throws TypeError for an invalid option; for `tlvs`, a path or `command: 'LOCAL'` with version 1.
 * @returns a plugin that reports the header that it has sent.
 * @see docs/guides/proxy-protocol.md, {@link acceptProxyProtocol}
 */
export function sendProxyProtocol(options: SendProxyProtocolOptions = {}): Plugin<ProxyHeader> {
  const { version = 2, onBehalfOf, command = 'PROXY', tlvs } = checkOptions(options, OPTIONS);
  const { bytes, hasCrc } = checkedTlvs(tlvs ?? {});
  if (version === 1 && tlvs) throw new TypeError('expected `version` of sendProxyProtocol to be 2 with `tlvs`, got 1');
  if (version === 1 && command === 'LOCAL')
    throw new TypeError("expected `version` of sendProxyProtocol to be 2 with `command: 'LOCAL'`, got 1; leave out `command`");
  const given = onBehalfOf && checkedEnds(onBehalfOf, version);
  return handshake<ProxyHeader>({
    // eslint-disable-next-line require-yield -- it sends, and waits for nothing
    *talk(link, _target, below) {
      const { transport, client, destination } = relayedEnds(given ?? reversed(endpointsOf(below)));
      const isLocal = version === 2 && (command === 'LOCAL' || transport === 'UNKNOWN');
      const addresses = isLocal || transport === 'UNKNOWN' ? { transport: 'UNKNOWN' as const } : { transport, client, destination };
      const header: ProxyHeader = { version, command: isLocal ? 'LOCAL' : 'PROXY', ...addresses };
      link.send(version === 1 ? encodeV1(header) : encodeV2(header, bytes, hasCrc));
      return header;
    },
  });
}

/** Reads the ends, which may be fields of a class, and checks them. */
function checkedEnds(given: RelayedConnection, version: 1 | 2): RelayedConnection {
  const { remoteAddress, remotePort, localAddress, localPort, remotePath, localPath } = given;
  const ends = { remoteAddress, remotePort, localAddress, localPort, remotePath, localPath };
  for (const [name, value] of Object.entries(ends)) checkOption(name, value, ON_ENDS);
  if (version === 1 && (remotePath !== undefined || localPath !== undefined))
    throw new TypeError('expected `version` of sendProxyProtocol to be 2 with a path in `onBehalfOf`, got 1');
  const missing = Object.entries({ remoteAddress, remotePort, localAddress, localPort }).filter(([, value]) => value === undefined);
  if (missing.length > 0 && missing.length < 4)
    throw new TypeError(`expected \`onBehalfOf\` of sendProxyProtocol to have all four addresses and ports, got no ${missing[0]![0]}`);
  return ends;
}

/** Swaps both ends: of a connection that we have made, our end is the client. */
function reversed({ remoteAddress, remotePort, localAddress, localPort }: Endpoints): Endpoints {
  return { remoteAddress: localAddress, remotePort: localPort, localAddress: remoteAddress, localPort: remotePort };
}
