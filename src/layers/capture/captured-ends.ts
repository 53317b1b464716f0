import { formatIp } from '../../protocol/ip-address.ts';
import { parsePlainIp } from '../../protocol/ip-list.ts';
import type { TcpEnd } from '../../protocol/tcp-packet.ts';
import { endpointsOf } from '../../wire/endpoints.ts';
import type { LayerDetails, Target } from '../../wire/signal.ts';

/** Both ends of a captured connection. */
export interface CapturedEnds {
  readonly local: TcpEnd;
  readonly remote: TcpEnd;
  /** Equal for equal addresses and ports. */
  readonly key: string;
}

/** What is known about a connection. */
export interface ConnectionFacts {
  /** The number of the connection in its file. */
  readonly number: number;
  /** Whether this end has dialled. */
  readonly isDialled: boolean;
  readonly details: readonly LayerDetails[];
  readonly to?: Target | undefined;
  /** The first address of the target's name. */
  readonly resolvedIp?: string | undefined;
}

/** The port of a server that has none. It is reserved, so that no protocol is guessed from it. */
const SERVER_PORT = 49_151;
/** The first port of clients that have none, and how many there are (RFC 6335, section 6). */
const CLIENT_PORTS = { first: 49_152, count: 16_384 };

/** Makes the address of an end that has none, by size: from the ranges for documentation (RFC 5737, RFC 3849). */
const PLACEHOLDERS = {
  4: (last: number) => Uint8Array.of(192, 0, 2, last),
  16: (last: number) => Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last),
};

/** Returns the addresses and ports of a connection. Placeholders stand for those that are unknown. */
export function capturedEnds(facts: ConnectionFacts): CapturedEnds {
  const { number, isDialled, details, to, resolvedIp } = facts;
  const { localAddress, localPort, remoteAddress, remotePort } = endpointsOf(details);
  const target = to && 'host' in to ? to : undefined;
  const local = addressOf(localAddress);
  const remote = addressOf(remoteAddress) ?? addressOf(resolvedIp) ?? addressOf(target?.host);
  const size = (remote ?? local)?.length === 16 ? 16 : 4;
  const clientPort = CLIENT_PORTS.first + (number % CLIENT_PORTS.count);
  const [ownPort, otherPort] = isDialled ? [clientPort, target?.port ?? SERVER_PORT] : [SERVER_PORT, clientPort];
  return endsOf(
    { address: ofSize(local, size) ?? PLACEHOLDERS[size](1), port: portOf(localPort) ?? ownPort },
    { address: ofSize(remote, size) ?? PLACEHOLDERS[size](2), port: portOf(remotePort) ?? otherPort },
  );
}

function endsOf(local: TcpEnd, remote: TcpEnd): CapturedEnds {
  const key = [local, remote].map(({ address, port }) => `${formatIp(address)} ${port}`).join(' ');
  return { local, remote, key };
}

/** Parses an address. That of a handle may be of any type. */
function addressOf(text: unknown): Uint8Array | undefined {
  return typeof text === 'string' ? parsePlainIp(text) : undefined;
}

function ofSize(address: Uint8Array | undefined, size: number): Uint8Array | undefined {
  return address?.length === size ? address : undefined;
}

function portOf(port: unknown): number | undefined {
  return Number.isInteger(port) && (port as number) > 0 && (port as number) <= 65_535 ? (port as number) : undefined;
}
