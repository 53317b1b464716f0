import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { tlsClient as clientPlugin, open, tlsServer as serverPlugin } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { tlsClient, type TlsClientOptions } from '../../../src/plugins/tls/tls-client.ts';
import { tcp } from '../../../src/wire/tcp.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import { serving } from '../../support/clients.ts';
import type { Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';
import { nodeTlsServer } from '../../support/node-tls-server.ts';
import { TlsPair, type TlsPairOptions, VERSIONS } from '../../support/tls-pair.ts';

const { ca, server, client } = certificates;

const ENDED =
  /^client: the peer ended right after the handshake, before it sent a byte: it may have refused the certificate of this client/;

/** Runs `work` later: under TLS 1.2 the last message of the server is in flight when its handshake is complete. */
const later = (work: () => unknown): void => void setTimeout(work, 20);

/** Dials a server of Node that calls `each` with its sockets. */
async function dialled(
  h: Harness,
  options: TlsClientOptions,
  each: (secure: TLSSocket, below: Socket) => void,
  timeouts?: Parameters<typeof dialOf>[0],
): Promise<WireDriver> {
  const to = await nodeTlsServer(h, { ca, requestCert: true, rejectUnauthorized: false }, each);
  return new WireDriver(h, tlsClient({ ca, ...options })(tcp()), { ...dialOf(timeouts), to, layer: 'client' });
}

describe.each(VERSIONS)('a client whose certificate is refused after its handshake, %s', (maxVersion) => {
  spec.each(['close_notify', 'a bare FIN'])('errors with ETLS when the server ends by %s', async (h, how) => {
    const near = await dialled(h, { ...client, maxVersion }, (secure, below) =>
      later(() => (how === 'a bare FIN' ? below.end() : secure.end())),
    );
    await near.up.ended;
    h.error(near.up.error, { code: 'ETLS', phase: 'read', layer: 'client' });
    expect((near.up.error as Error).message).toMatch(ENDED);
    expect(near.summary).toMatch(/connected error$/);
  });

  spec('errors with ETLS when a server of this library refuses it', async (h) => {
    const options: TlsPairOptions = { version: maxVersion, client: certificates.selfSigned, server: { ca, requestCert: true } };
    const ends = new TlsPair(h, options);
    await Promise.all([ends.client.up.ended, ends.server.up.ended]);
    h.error(ends.server.up.error, { code: 'ETLSCERT', phase: 'handshake' });
    expect((ends.client.up.error as Error).message).toMatch(ENDED);
  });

  spec('errors with ECONNRESET and its likely reason when it is reset', async (h) => {
    const near = await dialled(h, { ...client, maxVersion }, (_, below) => later(() => below.resetAndDestroy()));
    await near.up.ended;
    h.error(near.up.error, { code: 'ECONNRESET', phase: 'read' });
    const { message, cause } = near.up.error as Error;
    if (maxVersion === 'TLSv1.3')
      expect(message).toMatch(/broke right after the handshake, before the peer sent a byte; it may have refused .*: .*ECONNRESET/);
    expect((cause as { code: string }).code).toBe('ECONNRESET');
  });
});

describe('a client whose server ends right after the handshake', () => {
  spec('emits the end if it has no certificate', async (h) => {
    const near = await dialled(h, {}, (secure) => secure.end());
    await near.waitFor('end');
    near.close();
    await near.up.ended;
    expect(near.summary).toMatch(/connected end complete$/);
  });

  spec('emits the end if bytes came before it', async (h) => {
    const near = await dialled(h, client, (secure) => secure.end('bye'));
    await near.waitFor('end');
    near.close();
    await near.up.ended;
    expect(near.summary).toMatch(/connected data end complete$/);
  });

  spec('emits the end if it has ended before, because that may be the answer', async (h) => {
    const near = await dialled(h, client, (secure) => secure.on('end', () => secure.end()).resume());
    near.write('all there is');
    near.end();
    await near.up.ended;
    expect(near.up.state).toBe('complete');
  });

  spec('emits the end after the handshake timeout', async (h) => {
    let secured: TLSSocket | undefined;
    const near = await dialled(h, client, (secure) => (secured = secure), { handshake: 1000 });
    await near.waitFor('connected');
    await h.until(() => secured !== undefined);
    await new Promise((resolve) => setTimeout(resolve, 1050));
    secured?.end();
    await near.waitFor('end');
    near.close();
    await near.up.ended;
    expect(near.up.state).toBe('complete');
  });
});

describe('a server that refuses the certificate of a client', () => {
  spec.each(VERSIONS)('reports the error in errors$ before the client has seen the end, %s', async (h, maxVersion) => {
    const { at, seen, errors } = await serving(h, () => [], { plugin: { tls: serverPlugin({ ...server, ca, requestCert: true }) } });
    const tls = clientPlugin({ ca, ...certificates.selfSigned, maxVersion });
    const io = await open({ ...at, plugin: { tls } });
    await expect(io[Symbol.asyncIterator]().next()).rejects.toThrow(expect.objectContaining({ code: 'ETLS' }));
    seen.unsubscribe();
    expect(errors.values.map((error) => (error as { code: string }).code)).toStrictEqual(['ETLSCERT']);
  });
});
