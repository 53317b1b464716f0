import type { Attributes } from '@opentelemetry/api';
import { isIP } from 'node:net';
import { internalsOf } from '../stream/stream-fields.ts';
import type { ConnectedMessage, DialMessage } from './messages.ts';

// The names of the semantic conventions, and ours below `rxjs_io_stream`. Written out: the package of the conventions would be a dependency.

/** The addresses that a dial names: those behind a proxy, if there is one. */
export function targetAttributes(target: DialMessage['target']): Attributes {
  if (!target) return {};
  return 'path' in target
    ? { 'server.address': target.path, 'network.transport': 'unix' }
    : { 'server.address': target.host, 'server.port': target.port, 'network.transport': 'tcp' };
}

/** The address at the other end of the socket. */
export function peerAttributes(address: string | undefined, port: number | undefined): Attributes {
  const type = networkType(address);
  return type === undefined
    ? {}
    : { 'network.peer.address': address, 'network.peer.port': port, 'network.transport': 'tcp', 'network.type': type };
}

/** The addresses of both ends of a connection. The ends of an accepted one are its `client` and its `server`. */
export function endpointAttributes(role: DialMessage['role'], message: ConnectedMessage): Attributes {
  const { remoteAddress, remotePort, localAddress, localPort } = message;
  const socket = socketPeer(message);
  const peer = peerAttributes(socket.remoteAddress, socket.remotePort);
  if (role === 'client' || remoteAddress === undefined) return peer;
  return {
    ...peer,
    'client.address': remoteAddress,
    'client.port': remotePort,
    'server.address': localAddress,
    'server.port': localPort,
  };
}

/** The other end of the socket. The message has the client behind it, if a header of the PROXY protocol has named one. */
export function socketPeer(message: ConnectedMessage): Pick<ConnectedMessage, 'remoteAddress' | 'remotePort'> {
  const { remoteAddress = message.remoteAddress, remotePort = message.remotePort } = internalsOf(message.stream).handle;
  return { remoteAddress, remotePort };
}

/** The facts of the TLS layer nearest the application, if there is one. */
export function tlsAttributes(details: Readonly<Record<string, unknown>>): Attributes {
  const facts = Object.values(details).find(isTls);
  if (!facts) return {};
  const { protocol, cipher, alpnProtocol, reused } = facts;
  return {
    'tls.established': true,
    'tls.protocol.name': 'tls',
    'tls.protocol.version': protocol.slice('TLSv'.length),
    // The conventions want the names of the IANA. OpenSSL has those for TLS 1.3, and names of its own for TLS 1.2.
    'tls.cipher': cipher.startsWith('TLS_') ? cipher : undefined,
    'tls.next_protocol': typeof alpnProtocol === 'string' ? alpnProtocol : undefined,
    'tls.resumed': reused,
  };
}

/** What an error is called: its code if it has one, otherwise its name. */
export function errorType(error: unknown): string {
  const { code, name } = (typeof error === 'object' && error !== null ? error : {}) as { readonly code?: unknown; readonly name?: unknown };
  const type = typeof code === 'string' ? code : name;
  return typeof type === 'string' && type !== '' ? type : '_OTHER';
}

export function networkType(address: string | undefined): string | undefined {
  const family = address === undefined ? 0 : isIP(address);
  return family === 0 ? undefined : `ipv${family}`;
}

interface TlsLayer {
  readonly protocol: string;
  readonly cipher: string;
  readonly alpnProtocol: string | false | null;
  readonly reused: boolean;
}

function isTls(facts: unknown): facts is TlsLayer {
  if (typeof facts !== 'object' || facts === null || !('authorized' in facts)) return false;
  const { protocol, cipher } = facts as Partial<TlsLayer>;
  return typeof protocol === 'string' && protocol.startsWith('TLSv') && typeof cipher === 'string';
}
