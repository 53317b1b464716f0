import type { Socket, TcpNetConnectOpts } from 'node:net';
import { ETOCONNECT, IOStreamError } from '../errors.ts';
import type { OpenStream } from './open-stream.ts';
import type { TcpOptions } from './tcp-options.ts';
import { wireDetails } from './wire-details.ts';

/** Options to connect a socket to one address. */
export function tcpTarget(host: string, port: number, options: TcpOptions): TcpNetConnectOpts {
  const { localAddress, localPort, noDelay = true, keepAlive = false } = options;
  return { host, port, noDelay, keepAlive, localAddress, localPort };
}

/** The signal that a socket has connected to an address. */
export function tcpOpened(socket: Socket, ip: string): OpenStream {
  return { kind: 'opened', readable: socket, writable: socket, details: wireDetails({ wire: 'tcp', ip }, socket) };
}

/** @param tried the addresses that have not answered. */
export function tcpTimedOut(ms: number, host: string, port: number, tried: string): IOStreamError {
  const message = `connect timed out: no answer from ${host} port ${port} (${tried}) within ${ms} ms; raise timeouts.connect or timeouts.establish if it is only slow`;
  return new IOStreamError(ETOCONNECT, { phase: 'connect', message });
}
