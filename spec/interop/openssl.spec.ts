import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tap, type Observable } from 'rxjs';
import type { IOStream } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../src/plugins/tls/tls-server.ts';
import * as certificates from '../support/certificates.ts';
import { serving, type Serving } from '../support/clients.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { Exchange, expectFailure, PAYLOAD } from './exchange.ts';
import { describePeer } from './peers.ts';
import { CLOSE_NOTIFY, opensslClient, opensslServer } from './peers/openssl.ts';

const { ca } = certificates;
const VERSIONS = [
  ['TLSv1.2', '-tls1_2'],
  ['TLSv1.3', '-tls1_3'],
] as const;

describePeer('openssl s_server', 'openssl', () => {
  const to = (port: number, options: Parameters<typeof tlsClient>[0] = {}): Parameters<typeof expectFailure>[1] => ({
    host: 'localhost',
    family: 4,
    port,
    plugin: { ssl: tlsClient({ ca, ...options }) },
  });

  describe.each(VERSIONS)('%s', (protocol, option) => {
    spec('carries 1 MiB each way, and ends by a close_notify in each direction', async (h) => {
      const { port, program } = await opensslServer(h, [option]);
      const exchange = await Exchange.open(h, to(port));
      expect(exchange.io.details.ssl?.protocol).toBe(protocol);
      exchange.io.write(PAYLOAD);
      await h.until(() => program.stdout.length >= PAYLOAD.length);
      h.sameBytes(program.stdout, PAYLOAD);
      program.process.stdin?.write(PAYLOAD);
      await exchange.untilReceived(PAYLOAD.length);
      h.sameBytes(exchange.bytes, PAYLOAD);
      await exchange.endBothWays();
      await program.untilOutput(CLOSE_NOTIFY);
      expect(exchange.io.details.ssl?.truncated).toBe(undefined);
    });

    spec('sends close_notify on close()', async (h) => {
      const { port, program } = await opensslServer(h, [option]);
      const exchange = await Exchange.open(h, to(port));
      await exchange.close();
      await program.untilOutput(CLOSE_NOTIFY);
    });

    spec('reports the protocol that the server has chosen by ALPN', async (h) => {
      const { port } = await opensslServer(h, [option, '-alpn', 'one,two']);
      const exchange = await Exchange.open(h, to(port, { ALPNProtocols: ['two', 'three'] }));
      expect(exchange.io.details.ssl?.alpnProtocol).toBe('two');
      await exchange.close();
    });

    spec('fails with ETLS without a common protocol for ALPN, because of an alert', async (h) => {
      const { port } = await opensslServer(h, [option, '-alpn', 'one,two']);
      const expected = { code: 'ETLS', phase: 'handshake', layer: 'ssl' };
      const error = await expectFailure(h, to(port, { ALPNProtocols: ['three'] }), expected);
      expect(String(error.cause)).toMatch(/no application protocol/);
    });

    spec('sends our certificate if the server requests one', async (h) => {
      const { port, program } = await opensslServer(h, [option, '-Verify', '1', '-verify_return_error']);
      const exchange = await Exchange.open(h, to(port, certificates.client));
      exchange.io.write('with a name');
      await h.until(() => program.stdout.toString() === 'with a name');
      expect(program.output).toMatch(/CN = a client/);
      await exchange.close();
    });

    spec('resumes the session of the first connection of a plugin in the second one', async (h) => {
      const { port, program } = await opensslServer(h, [option]);
      const options = to(port);
      for (const reused of [false, true]) {
        const exchange = await Exchange.open(h, options);
        expect(exchange.io.details.ssl?.reused).toBe(reused);
        const before = exchange.data.values.length;
        program.process.stdin?.write('tickets come before this');
        await exchange.data.value(() => exchange.data.values.length > before);
        await exchange.close();
      }
    });
  });

  spec('fails with ETLS for a version that the server does not support, because of an alert', async (h) => {
    const { port } = await opensslServer(h, ['-tls1_3']);
    const error = await expectFailure(h, to(port, { maxVersion: 'TLSv1.2' }), { code: 'ETLS', phase: 'handshake', layer: 'ssl' });
    expect(String(error.cause)).toMatch(/alert protocol version/);
  });

  spec('fails with ETLSCERT if the certificate is for another name', async (h) => {
    const { port } = await opensslServer(h);
    const expected = { code: 'ETLSCERT', phase: 'handshake', layer: 'ssl' };
    await expectFailure(h, to(port, { servername: 'other.test' }), expected);
  });
});

describePeer('openssl s_client', 'openssl', () => {
  type ServerOptions = Partial<Parameters<typeof tlsServer>[0]>;
  const echo = (
    h: Harness,
    options: ServerOptions = {},
    onDetails: (details: Readonly<Record<string, unknown>> | undefined) => void = () => {},
  ): Promise<Serving> =>
    serving(
      h,
      (io) => {
        onDetails(io.details.ssl);
        return io.send(io.data$);
      },
      { plugin: { ssl: tlsServer({ ...certificates.server, ...options }) } },
    );

  describe.each(VERSIONS)('%s', (protocol, option) => {
    spec('carries 1 MiB each way, and is ended by the close_notify of the client', async (h) => {
      // s_client does not read while it writes: with an echo both sides would block.
      const details: IOStream['details'][] = [];
      const received: Uint8Array[] = [];
      let count = 0;
      const answer = (io: IOStream, bytes: Uint8Array): void => {
        received.push(bytes);
        count += bytes.length;
        if (count === PAYLOAD.length) io.write(PAYLOAD);
      };
      const handler = (io: IOStream): Observable<unknown> => {
        details.push(io.details);
        return io.data$.pipe(tap((bytes) => answer(io, bytes)));
      };
      const { at, errors } = await serving(h, handler, { plugin: { ssl: tlsServer(certificates.server) } });
      const client = await opensslClient(h, at.port, [option, '-quiet', '-no_ign_eof']);
      client.process.stdin?.write(PAYLOAD);
      await h.until(() => client.stdout.length >= PAYLOAD.length);
      h.sameBytes(received, PAYLOAD);
      h.sameBytes(client.stdout, PAYLOAD);
      client.process.stdin?.end();
      await client.ended;
      expect(details.map(({ ssl }) => [ssl?.protocol, ssl?.truncated])).toStrictEqual([[protocol, undefined]]);
      expect(errors.values).toStrictEqual([]);
    });

    spec('sends close_notify on end()', async (h) => {
      const plugin = { ssl: tlsServer(certificates.server) };
      const { at } = await serving(h, (io) => (io.end('goodbye'), io.data$), { plugin });
      const client = await opensslClient(h, at.port, [option, '-quiet']);
      await client.untilOutput(CLOSE_NOTIFY);
      expect(client.stdout.toString()).toBe('goodbye');
    });

    spec('chooses a protocol by ALPN, and verifies the requested certificate of the client', async (h) => {
      const seen: unknown[] = [];
      const { at } = await echo(h, { ca, requestCert: true, ALPNProtocols: ['two', 'one'] }, (details) =>
        seen.push([details?.alpnProtocol, details?.authorized]),
      );
      const client = await opensslClient(h, at.port, [option, '-alpn', 'one,two']);
      await client.untilOutput(/ALPN protocol: two/);
      await h.until(() => seen.length > 0);
      expect(seen).toStrictEqual([['two', true]]);
    });

    spec('resumes a session that the client has saved', async (h) => {
      const { at } = await echo(h);
      const folder = mkdtempSync(join(tmpdir(), 'session-'));
      h.defer(() => rmSync(folder, { recursive: true }));
      const session = join(folder, 'session');
      for (const [which, options] of [
        ['New', ['-sess_out', session]],
        ['Reused', ['-sess_in', session]],
      ] as const) {
        const client = await opensslClient(h, at.port, [option, '-no_ign_eof', ...options]);
        client.process.stdin?.write('tickets come before this\n');
        await client.untilOutput(/tickets come before this/);
        client.process.stdin?.end();
        await client.ended;
        expect(client.output).toMatch(new RegExp(`^${which}, ${protocol}`, 'm'));
      }
    });
  });

  spec('reports ETLS for a client with an unsupported version, and continues to listen', async (h) => {
    const { at, errors } = await echo(h, { minVersion: 'TLSv1.3' });
    const client = await opensslClient(h, at.port, ['-tls1_2']);
    await client.untilOutput(/alert protocol version/);
    await errors.value();
    h.error(errors.values[0], { code: 'ETLS', phase: 'handshake', layer: 'ssl' });
    const next = await opensslClient(h, at.port, ['-tls1_3']);
    await next.untilOutput(/Verification: OK/);
  });
});
