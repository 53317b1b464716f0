import { ETLS, IOStreamError } from '../../errors.ts';

const { bun, deno, node } = process.versions as Readonly<Record<string, string | undefined>>;

/** Whether this is Node itself. Other runtimes implement its API on a different TLS library. */
export const isNode: boolean = bun === undefined && deno === undefined;

/** The name and version of the runtime, for messages. */
export const RUNTIME: string = bun !== undefined ? `Bun ${bun}` : deno !== undefined ? `Deno ${deno}` : `Node ${node ?? ''}`;

/** The features that a runtime must support. */
export interface TlsFeatures {
  readonly pskCallback?: unknown;
  /** Whether client certificates must be verified. */
  readonly verifiesClients?: boolean;
}

/**
 * Rejects features that the runtime does not support, before a connection is dialled or accepted.
 *
 * @throws IOStreamError with ETLS that names the runtime and the reason.
 */
export function checkRuntime(caller: string, { pskCallback, verifiesClients = false }: TlsFeatures): void {
  const refuse = (why: string): never => {
    throw new IOStreamError(ETLS, { phase: 'handshake', message: `${caller} cannot run on ${RUNTIME}: ${why}; use Node` });
  };
  if (bun !== undefined) refuse('its TLS ends both directions when the peer ends one, and drops what is written then');
  if (isNode) return;
  if (verifiesClients) refuse('it does not report whether the certificate of a client is verified, which `requestCert` needs');
  if (pskCallback) refuse('its TLS has no pre-shared keys, which `pskCallback` needs');
}
