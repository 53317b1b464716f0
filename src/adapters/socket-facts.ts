import { isIP, type AddressInfo } from 'node:net';
import { Duplex, type DuplexOptions } from 'node:stream';
import type { IOStream } from '../stream/io-stream.ts';
import type { SocketDuplex } from './socket-duplex.ts';

/** A Duplex with the facts of its stream: the read-only members of `net.Socket`. */
export abstract class SocketFacts extends Duplex {
  protected readonly io: IOStream;

  constructor(io: IOStream, options: DuplexOptions) {
    super(options);
    this.io = io;
  }

  abstract get connecting(): boolean;

  get pending(): boolean {
    return this.destroyed || this.connecting;
  }

  get readyState(): SocketDuplex['readyState'] {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  get bytesRead(): number {
    return this.io.inBytes;
  }

  get bytesWritten(): number {
    return this.io.outBytes;
  }

  get remoteAddress(): string | undefined {
    return this.io.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.io.remotePort;
  }

  get remoteFamily(): string | undefined {
    return familyOf(this.remoteAddress);
  }

  get localAddress(): string | undefined {
    return this.io.localAddress;
  }

  get localPort(): number | undefined {
    return this.io.localPort;
  }

  get localFamily(): string | undefined {
    return familyOf(this.localAddress);
  }

  address(): AddressInfo | Record<string, never> {
    const { localAddress: address, localFamily: family, localPort: port } = this;
    return address === undefined || family === undefined || port === undefined ? {} : { address, family, port };
  }
}

function familyOf(address: string | undefined): string | undefined {
  const version = isIP(address ?? '');
  return version === 0 ? undefined : `IPv${version}`;
}
