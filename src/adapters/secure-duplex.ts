import type { X509Certificate } from 'node:crypto';
import type { CipherNameAndProtocol, DetailedPeerCertificate, EphemeralKeyInfo, PeerCertificate, TLSSocket } from 'node:tls';
import type { TlsFacts } from '../plugins/tls/tls-options.ts';
import { nodeTlsOf } from '../plugins/tls/node-tls.ts';
import { isTls } from '../plugins/tls/tls-plugins.ts';
import type { IOStream } from '../stream/io-stream.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import { reportUnhandled } from '../util/report-unhandled.ts';
import { pluginEntries } from '../wire/stack.ts';
import { IOStreamDuplex } from './io-stream-duplex.ts';
import type { LateDial } from './late-dial.ts';

/** Whether a stream has TLS with its peer. While it opens: whether it has a TLS plugin. */
export function hasTls(io: IOStream): boolean {
  return io.state === 'opening' ? Object.values(io.plugin).some(isTls) : factsOf(io) !== undefined;
}

/** Returns the facts of TLS with the peer. If a proxy's facts are topmost, any TLS below ends at the proxy: returns undefined. */
function factsOf({ details }: IOStream): TlsFacts | undefined {
  const [topmost] = Object.values(details);
  return nodeTlsOf(topmost) && (topmost as unknown as TlsFacts);
}

/** A Duplex with the members of `tls.TLSSocket`. Before the handshake they return null, false or undefined, as in Node. */
export class SecureDuplex extends IOStreamDuplex {
  constructor(io: IOStream, late?: LateDial) {
    super(io, late);
    // Emits 'connect' before the handshake, as a TLSSocket does. Only for the topmost plugin: TLS below others may end at a proxy.
    const [[topmost, plugin] = []] = pluginEntries(late?.plugin ?? io.plugin);
    if (io.state !== 'opening' || !plugin || !isTls(plugin)) return;
    internalsOf(io).onTlsStart = (layer) => {
      try {
        if (layer === topmost) this.emitConnect();
      } catch (error) {
        reportUnhandled(error); // A listener threw. Thrown on, it would pass for an error of TLS.
      }
    };
  }

  get encrypted(): boolean {
    return this.secureConnecting || this.#facts !== undefined;
  }

  get secureConnecting(): boolean {
    return this.isDialling;
  }

  get authorized(): boolean {
    return this.#facts?.authorized ?? false;
  }

  get authorizationError(): string | null {
    return this.#facts?.authorizationError ?? null;
  }

  get alpnProtocol(): string | false | null | undefined {
    const facts = this.#facts;
    if (facts) return facts.alpnProtocol ?? false;
    return this.secureConnecting ? null : undefined;
  }

  get servername(): string | false | null {
    return this.#facts ? (this.#facts.servername ?? false) : null;
  }

  getProtocol(): string | null {
    return this.#facts?.protocol ?? null;
  }

  isSessionReused(): boolean {
    return this.#facts?.reused ?? false;
  }

  getPeerX509Certificate(): X509Certificate | undefined {
    return this.#facts?.x509;
  }

  /** Returns an empty object if the peer sent no certificate, as in Node. */
  getPeerCertificate(detailed: true): DetailedPeerCertificate;
  getPeerCertificate(detailed?: false): PeerCertificate;
  getPeerCertificate(detailed?: boolean): DetailedPeerCertificate | PeerCertificate;
  getPeerCertificate(detailed = false): DetailedPeerCertificate | PeerCertificate {
    const certificate = nodeTlsOf(this.#facts)?.certificate;
    if (!certificate) return {} as PeerCertificate;
    if (detailed) return certificate;
    const { issuerCertificate: _, ...own } = certificate;
    return own;
  }

  // Read from Node's TLSSocket, while it is open

  getCipher(): CipherNameAndProtocol | undefined {
    return this.#socket?.getCipher();
  }

  getCertificate(): PeerCertificate | object | null {
    return this.#socket?.getCertificate() ?? null;
  }

  getX509Certificate(): X509Certificate | undefined {
    return this.#socket?.getX509Certificate();
  }

  getEphemeralKeyInfo(): EphemeralKeyInfo | object | null {
    return this.#socket?.getEphemeralKeyInfo() ?? null;
  }

  getFinished(): ReturnType<TLSSocket['getFinished']> {
    return this.#socket?.getFinished();
  }

  getPeerFinished(): ReturnType<TLSSocket['getPeerFinished']> {
    return this.#socket?.getPeerFinished();
  }

  getSession(): ReturnType<TLSSocket['getSession']> {
    return this.#socket?.getSession();
  }

  getTLSTicket(): ReturnType<TLSSocket['getTLSTicket']> {
    return this.#socket?.getTLSTicket();
  }

  getSharedSigalgs(): string[] {
    return this.#socket?.getSharedSigalgs() ?? [];
  }

  exportKeyingMaterial(length: number, label: string, context: Buffer): ReturnType<TLSSocket['exportKeyingMaterial']> {
    if (!this.#socket) throw new Error('exportKeyingMaterial: expected an open TLS connection, got none');
    return this.#socket.exportKeyingMaterial(length, label, context);
  }

  protected override emitOpen(): void {
    if (this.encrypted && !this.destroyed) this.emit('secureConnect');
  }

  get #facts(): TlsFacts | undefined {
    return factsOf(this.io);
  }

  get #socket(): TLSSocket | undefined {
    return nodeTlsOf(this.#facts)?.socket;
  }
}
