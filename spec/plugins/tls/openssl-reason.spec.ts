import { describe, expect, it } from 'vitest';
import { opensslReason } from '../../../src/plugins/tls/openssl-reason.ts';
import { spec } from '../../support/spec.ts';
import { TlsPair } from '../../support/tls-pair.ts';

describe('opensslReason', () => {
  it.each([
    [
      '80BCC6C4417F0000:error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure:../deps/x.c:1601:SSL alert number 40\n',
      'sslv3 alert handshake failure (SSL alert number 40)',
    ],
    ['error:0480006C:PEM routines::no start line', 'no start line'],
    ['error:100000c0:SSL routines:OPENSSL_internal:PEER_DID_NOT_RETURN_A_CERTIFICATE', 'PEER_DID_NOT_RETURN_A_CERTIFICATE'],
    ['80BC:error:0A0000C7:SSL routines:f:peer did not return a certificate:../deps/y.c:3517:\n', 'peer did not return a certificate'],
    ['certificate has expired', 'certificate has expired'],
  ])('returns the reason of an OpenSSL error: %j', (line, reason) => {
    expect(opensslReason(line)).toBe(reason);
  });

  spec('is marked as an alert of the peer, if it is one', async (h) => {
    const ends = new TlsPair(h, { version: 'TLSv1.2', server: { minVersion: 'TLSv1.3' } });
    await Promise.all([ends.client.up.ended, ends.server.up.ended]);
    const messages = [ends.client.up.error, ends.server.up.error].map((error) => (error as Error).message);
    expect(messages[0]).toBe('client: the peer sent a TLS alert: tlsv1 alert protocol version (SSL alert number 70) [ETLS]');
    expect(messages[1]).toBe('server: unsupported protocol [ETLS]');
  });
});
