import { describe, expect } from 'vitest';
import { passthrough } from '../../../src/plugins/passthrough.ts';
import { tlsClient, type TlsClientOptions } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import type { Plugin } from '../../../src/wire/signal.ts';
import { stack } from '../../../src/wire/stack.ts';
import { tcp } from '../../../src/wire/tcp.ts';
import { unhandled } from '../../stream/tools.ts';
import * as certificates from '../../support/certificates.ts';
import { serving } from '../../support/clients.ts';
import { nodeTlsServer } from '../../support/node-tls-server.ts';
import { ROLES, TlsPair, VERSIONS } from '../../support/tls-pair.ts';
import { spec } from '../../support/spec.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';

/** The labels of an NSS key log, by version. */
const LABELS = {
  'TLSv1.2': ['CLIENT_RANDOM'],
  'TLSv1.3': [
    'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
    'CLIENT_TRAFFIC_SECRET_0',
    'EXPORTER_SECRET',
    'SERVER_HANDSHAKE_TRAFFIC_SECRET',
    'SERVER_TRAFFIC_SECRET_0',
  ],
};
const PATHS: Record<string, readonly (readonly [string, Plugin])[]> = {
  'on a socket': [],
  'with a layer between': [['between', passthrough()]],
};
const PATH_CASES = VERSIONS.flatMap((version) => Object.keys(PATHS).map((path) => [version, path] as const));
const CASES = VERSIONS.flatMap((version) => ROLES.map((role) => [version, role] as const));

/** A log, and the option that writes it. */
function keylogOf(): { keylog: (line: Uint8Array) => void; lines: string[]; labels: () => string[] } {
  const lines: string[] = [];
  const keylog = (line: Uint8Array): void => void lines.push(Buffer.from(line).toString('latin1'));
  return { keylog, lines, labels: () => lines.map((line) => line.replace(/ .*\n$/s, '')).sort() };
}

describe('the option `keylog`', () => {
  spec.each(PATH_CASES)('gets the secrets of a client of %s %s, a line each', async (h, version, path) => {
    const { keylog, lines, labels } = keylogOf();
    const to = (await nodeTlsServer(h, {})) as { host: string; port: number };
    const ssl = tlsClient({ ca: certificates.ca, maxVersion: version, keylog });
    const client = new WireDriver(h, stack([['ssl', ssl], ...PATHS[path]!], tcp()), { ...dialOf(), to });
    await client.waitFor('connected');
    expect(labels()).toStrictEqual(LABELS[version]);
    expect(lines.every((line) => /^[A-Z_0]+ [\da-f]{64} [\da-f]+\n$/.test(line))).toBe(true);
  });

  spec.each(VERSIONS)('gets the secrets of a server of %s on a socket', async (h, version) => {
    const { keylog, labels } = keylogOf();
    const ssl = tlsServer({ ...certificates.server, keylog });
    const { at } = await serving(h, (io) => io.send(io), { plugin: { ssl } });
    const trusting = tlsClient({ ca: certificates.ca, maxVersion: version });
    const client = new WireDriver(h, stack({ ssl: trusting }, tcp()), { ...dialOf(), to: at });
    await client.waitFor('connected');
    client.write('hello');
    await h.until(() => client.received === 5);
    expect(labels()).toStrictEqual(LABELS[version]);
  });

  spec.each(CASES)('gets the secrets of %s as a %s in memory', async (h, version, role) => {
    const { keylog, labels } = keylogOf();
    await TlsPair.connected(h, { version, [role]: { keylog } });
    expect(labels()).toStrictEqual(LABELS[version]);
  });

  spec.each(ROLES)('does not affect a %s if it throws: the error goes to config.onUnhandledError', async (h, role) => {
    const seen = unhandled(h);
    const keylog = (): never => {
      throw new Error('disk full');
    };
    const { client, server } = await TlsPair.connected(h, { [role]: { keylog } });
    client.write('hello');
    await h.until(() => server.received === 5 && seen.length === 5);
    expect(new Set(seen.map(String))).toStrictEqual(new Set(['Error: disk full']));
  });

  spec.each([
    ['tlsClient', (options: object) => tlsClient(options as TlsClientOptions)],
    ['tlsServer', (options: object) => tlsServer({ ...certificates.server, ...options })],
  ] as const)('of %s is a function', (_h, name, make) => {
    expect(() => make({ keylog: 'keys.log' })).toThrow(`${name}: expected \`keylog\` to be a function, got a string`);
  });
});
