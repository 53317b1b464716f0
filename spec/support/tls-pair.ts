import { tap } from 'rxjs';
import { tlsClient, type TlsClientOptions } from '../../src/plugins/tls/tls-client.ts';
import { tlsServer, type TlsServerOptions } from '../../src/plugins/tls/tls-server.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import type { Dial, LayerDetails, Plugin, Up } from '../../src/wire/signal.ts';
import { stack } from '../../src/wire/stack.ts';
import { dialOf, WireDriver } from './wire-driver.ts';
import * as certificates from './certificates.ts';
import type { Harness } from './harness.ts';
import { TlsTap } from './tls-tap.ts';

export const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
export type Version = (typeof VERSIONS)[number];

export const ROLES = ['client', 'server'] as const;
export type Role = (typeof ROLES)[number];
export const otherOf = (role: Role): Role => (role === 'client' ? 'server' : 'client');

/** The options of a {@link TlsPair}. */
export interface TlsPairOptions {
  readonly version?: Version | undefined;
  readonly client?: TlsClientOptions | undefined;
  readonly server?: Partial<TlsServerOptions> | undefined;
  /** The plugins between TLS and the pair, below the tap. */
  readonly below?: Partial<Record<Role, Plugin>> | undefined;
  /** Called with each inbound signal above TLS. */
  readonly seen?: Partial<Record<Role, (signal: Up) => void>> | undefined;
  readonly dial?: Partial<Dial> | undefined;
}

/** A client and a server of this library, connected in memory. Each has a tap directly below TLS. */
export class TlsPair {
  readonly client: WireDriver;
  readonly server: WireDriver;
  readonly taps: Record<Role, TlsTap> = { client: new TlsTap(), server: new TlsTap() };

  constructor(h: Harness, { version: maxVersion = 'TLSv1.3', below = {}, seen = {}, ...options }: TlsPairOptions = {}) {
    const [a, b] = memoryPair();
    const plugins = {
      client: tlsClient({ ca: certificates.ca, maxVersion, ...options.client }),
      server: tlsServer({ ...certificates.server, ...options.server }),
    };
    const stackOf = (role: Role): readonly (readonly [string, Plugin])[] => [
      ['seen', (wire) => (dial) => (flow$) => flow$.pipe(wire(dial), tap(seen[role] ?? {}))],
      [role, plugins[role]],
      ['tap', this.taps[role].plugin],
      ['below', below[role] ?? ((wire) => wire)],
    ];
    const dial = { ...dialOf(), to: { host: 'localhost', port: 7 }, ...options.dial };
    this.server = new WireDriver(h, stack(stackOf('server'), b), { ...dial, to: undefined });
    this.client = new WireDriver(h, stack(stackOf('client'), a), dial);
  }

  /** Creates a pair that is connected at both ends. */
  static async connected(h: Harness, options?: TlsPairOptions): Promise<TlsPair> {
    const ends = new TlsPair(h, options);
    await Promise.all([ends.client.waitFor('connected'), ends.server.waitFor('connected')]);
    return ends;
  }
}

/** Returns the details of a layer, counted from the application's side; empty before the connection is open. */
export function detailsOf({ up }: WireDriver, at = 0): LayerDetails {
  for (const signal of up.values) if (signal.kind === 'connected') return signal.details[at] ?? {};
  return {};
}
