import { CONTEXT_OPTIONS } from './tls-option-rules.ts';

/** The options of Node's TLS besides those of a secure context. */
const CONNECTION_OPTIONS =
  'ALPNCallback ALPNProtocols SNICallback allowHalfOpen enableTrace handshakeTimeout highWaterMark host isServer keepAlive lookup onread path pauseOnConnect port pskCallback pskIdentityHint requestCert requestOCSP secureContext server servername session signal timeout';

/**
 * Every option that Node's TLS reads, as undefined. Spread first into Node's options, so that none is inherited from
 * `Object.prototype`.
 */
export const UNSET_OPTIONS: Readonly<Record<string, undefined>> = Object.fromEntries(
  [...CONTEXT_OPTIONS, ...CONNECTION_OPTIONS.split(' ')].map((name) => [name, undefined]),
);
