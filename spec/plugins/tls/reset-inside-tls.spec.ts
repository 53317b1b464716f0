import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { describe, expect } from 'vitest';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import { IOStream } from '../../../src/stream/io-stream.ts';
import { open } from '../../../src/stream/open.ts';
import { ca, server as identity } from '../../support/certificates.ts';
import type { Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
const ROUNDS = 10;
const UNSENT = Buffer.alloc(3 * 2 ** 20);

/** Starts a TLS server of Node that sends 100 kB to each client. */
async function serving(h: Harness, maxVersion: (typeof VERSIONS)[number]): Promise<{ host: string; port: number }> {
  const server = createServer({ ...identity, maxVersion }, (socket) => {
    socket.on('error', () => {}).resume();
    socket.write(Buffer.alloc(100_000));
  });
  server.on('tlsClientError', () => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  h.defer(() => server.close());
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

// Node calls back inside of OpenSSL. Freeing the connection there crashed the process.
describe.each(VERSIONS)('a client over %s directly on a socket', (maxVersion) => {
  const plugin = { tls: tlsClient({ ca, servername: 'localhost' }) };

  spec('can be reset as soon as its handshake is complete', async (h) => {
    const place = await serving(h, maxVersion);
    for (let round = 0; round < ROUNDS; round += 1) {
      const io = await open({ ...place, plugin });
      if (round % 2 === 1) io.write(UNSENT);
      io.reset();
      expect(io.state).toBe('closed');
    }
  });

  spec('can be reset while it receives data, also with unsent bytes', async (h) => {
    const place = await serving(h, maxVersion);
    for (let round = 0; round < ROUNDS; round += 1) {
      const io = new IOStream({ ...place, plugin });
      const read = new Promise<void>((resolve) => {
        io.data$.subscribe(() => {
          if (round % 2 === 1) io.write(UNSENT);
          io.reset();
          resolve();
        });
      });
      await read;
      expect(io.state).toBe('closed');
    }
  });
});
