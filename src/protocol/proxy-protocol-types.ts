/** One end of a connection: an address and a port, or the path of a UNIX socket. Empty if it is not known. */
export interface ProxyAddress {
  /** The IP address. @default none: a UNIX socket, or not known */
  readonly address?: string | undefined;
  /** The port. @default none: a UNIX socket, or not known */
  readonly port?: number | undefined;
  /** The path of a UNIX socket. Starts with NUL if it is abstract. @default none: not a UNIX socket, or not known */
  readonly path?: string | undefined;
}

/** What the client has used to connect to the proxy. `'UNKNOWN'`: the header carries no addresses. */
export type ProxyTransport = 'TCP4' | 'TCP6' | 'UDP4' | 'UDP6' | 'UNIX' | 'UNIX_DGRAM' | 'UNKNOWN';

/** A header of the PROXY protocol. */
export interface ProxyHeader {
  /** The version of the protocol. */
  readonly version: 1 | 2;
  /** `'PROXY'`: the connection is relayed. `'LOCAL'`: it is the proxy's own, such as a health check. */
  readonly command: 'PROXY' | 'LOCAL';
  /** What the client has used; `'UNKNOWN'` also with `'LOCAL'`. */
  readonly transport: ProxyTransport;
  /** The source. Absent if `transport` is `'UNKNOWN'`. */
  readonly client?: ProxyAddress | undefined;
  /** Where the client connected to. Absent if `transport` is `'UNKNOWN'`. */
  readonly destination?: ProxyAddress | undefined;
  /** The type-length-values of a header of version 2 that has some. */
  readonly tlvs?: ProxyTlvs | undefined;
}

/** One type-length-value as it is. */
export interface ProxyTlv {
  /** The type, 0 to 255. 0xE0 to 0xEF are for applications, 0xF0 to 0xF7 for experiments. */
  readonly type: number;
  /** The value, at most 65,535 bytes. */
  readonly value: Uint8Array;
}

/** What a proxy reports of the client's TLS (PP2_TYPE_SSL). Its fields are the proxy's statements: they are as good as the proxy. */
export interface ProxySsl {
  /** Whether the client connected by TLS. @default true */
  readonly isTls?: boolean | undefined;
  /** Whether the client sent a certificate on this connection. @default false */
  readonly hasCertificate?: boolean | undefined;
  /** Whether the client sent a certificate in the TLS session of this connection. @default false */
  readonly hasSessionCertificate?: boolean | undefined;
  /** Whether the client sent a certificate, and the proxy verified it. Sending: sets `verify`. @default false */
  readonly isVerified?: boolean | undefined;
  /** The result of the verification; 0 also without a certificate, so use `isVerified`. @default 0 if `isVerified`, otherwise 1 */
  readonly verify?: number | undefined;
  /** The version of TLS, such as `TLSv1.3`. ASCII. @default none */
  readonly version?: string | undefined;
  /** The common name of the client's certificate. @default none */
  readonly commonName?: string | undefined;
  /** The cipher, such as `ECDHE-RSA-AES128-GCM-SHA256`. ASCII. @default none */
  readonly cipher?: string | undefined;
  /** The algorithm that signed the proxy's certificate, such as `RSA-SHA256`. ASCII. @default none */
  readonly signatureAlgorithm?: string | undefined;
  /** The algorithm of the key of the proxy's certificate, such as `RSA2048`. ASCII. @default none */
  readonly keyAlgorithm?: string | undefined;
  /** The group of the key exchange, such as `secp256r1`. ASCII. @default none */
  readonly group?: string | undefined;
  /** The algorithm of the proxy's signature in the handshake, such as `rsa_pss_rsae_sha256`. ASCII. @default none */
  readonly signatureScheme?: string | undefined;
  /** The client's X.509 certificate in DER. @default none */
  readonly clientCertificate?: Uint8Array | undefined;
  /** Values of other types, and repeated ones. @default none */
  readonly others?: readonly ProxyTlv[] | undefined;
}

/** The type-length-values of a header of version 2. */
export interface ProxyTlvs {
  /** The protocol that was agreed on by ALPN, such as `h2`. Each character is a byte. @default none */
  readonly alpn?: string | undefined;
  /** The host name that the client asked for: the server name of TLS (SNI). @default none */
  readonly authority?: string | undefined;
  /** An id of the connection, at most 128 bytes. @default none */
  readonly uniqueId?: Uint8Array | undefined;
  /** What the proxy reports of the client's TLS. @default none */
  readonly ssl?: ProxySsl | undefined;
  /** The name of the network namespace. ASCII. @default none */
  readonly netns?: string | undefined;
  /** Whether the header has a CRC32c checksum. That of a received header is right. @default false */
  readonly crc32c?: boolean | undefined;
  /** Sending: the number of padding bytes in a NOOP, at most 65,535. Never set for a received header. @default none */
  readonly noop?: number | undefined;
  /** Values of other types, and repeated ones. @default none */
  readonly others?: readonly ProxyTlv[] | undefined;
}
