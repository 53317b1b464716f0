import type { SocketDuplex } from './socket-duplex.ts';

/** Calls `created` once: when the connection, TLS with the peer included, is usable, or with the error that prevented it. */
export function whenCreated(duplex: SocketDuplex, created: (error: Error | null) => void): void {
  const connected = usableEvent(duplex);
  const call = (error: Error | null): void => {
    duplex.off(connected, onConnect).off('error', call);
    created(error);
  };
  const onConnect = (): void => call(null);
  duplex.once(connected, onConnect).once('error', call);
}

/** The event after which a connection that is still opening carries bytes. */
export function usableEvent({ secureConnecting }: SocketDuplex): 'connect' | 'secureConnect' {
  return secureConnecting ? 'secureConnect' : 'connect';
}
