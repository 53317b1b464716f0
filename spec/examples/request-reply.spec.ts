import { firstValueFrom } from 'rxjs';
import { open, tlsClient } from 'rxjs-io-stream';
import { describe, expect, it } from 'vitest';
import { ask, service, type Identity } from '../../examples/request-reply.ts';
import * as certificates from '../support/certificates.ts';
import type { Harness } from '../support/harness.ts';
import { deadPort } from '../support/loopback.ts';
import { runProgram } from '../support/run-program.ts';
import { spec } from '../support/spec.ts';

const { ca } = certificates;
const identity = (own: Omit<Identity, 'ca'>): Identity => ({ key: own.key, cert: own.cert, ca });

async function serve(h: Harness): Promise<{ port: number; errors: readonly unknown[] }> {
  const server = await h.observed(service(0, identity(certificates.server))).value();
  return { port: (server.address as { port: number }).port, errors: h.observed(server.errors$).values };
}

describe('request-reply', () => {
  spec('replies to each request with the name in the certificate of the client', async (h) => {
    const { port } = await serve(h);
    expect(await ask('localhost', port, identity(certificates.client), ['one', 2, 'three'])).toEqual([
      { id: 0, result: 'ONE for CN=a client' },
      { id: 1, error: 'expected a text' },
      { id: 2, result: 'THREE for CN=a client' },
    ]);
  });

  spec.each<[string, Omit<Identity, 'ca'>]>([
    ['of another authority', certificates.selfSigned],
    ['that has expired', certificates.expired],
  ])('refuses a client with a certificate %s', async (h, _which, own) => {
    const { port, errors } = await serve(h);
    await expect(ask('localhost', port, identity(own), ['one'])).rejects.toThrow(expect.objectContaining({ layer: 'tls' }));
    await h.until(() => errors.length > 0);
    h.error(errors[0], { code: 'ETLSCERT', phase: 'handshake', layer: 'tls' });
  });

  spec('refuses a client without a certificate', async (h) => {
    const { port, errors } = await serve(h);
    const io = await open({ host: 'localhost', port, plugin: { tls: tlsClient({ ca }) } });
    const { error } = await firstValueFrom(io.closed$);
    h.error(error, { code: 'ETLS', phase: 'read', layer: 'tls' });
    await h.until(() => errors.length > 0);
    h.error(errors[0], { code: 'ETLSCERT', phase: 'handshake', layer: 'tls' });
  });

  it('runs both sides in one process', async () => {
    const stdout = 'ONE for CN=localhost\nTWO for CN=localhost\n';
    expect(await runProgram('examples/request-reply.ts').ended).toEqual({ code: 0, stdout, stderr: '' });
  });

  it('serves and asks with the keys of files', async () => {
    const port = await deadPort();
    const files = (name: string): string[] => [`${name}.key.pem`, `${name}.pem`, 'ca.pem'].map((file) => `spec/support/certs/${file}`);
    const server = runProgram('examples/request-reply.ts', 'serve', port, ...files('server'));
    await server.prints(/listening on/);
    const client = runProgram('examples/request-reply.ts', 'ask', port, ...files('client'), 'hello');
    expect(await client.ended).toEqual({ code: 0, stdout: 'HELLO for CN=a client\n', stderr: '' });
    expect(await server.interrupt()).toMatchObject({ code: 0, stderr: '' });
  });
});
