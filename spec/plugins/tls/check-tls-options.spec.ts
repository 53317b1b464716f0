import { assert, describe, expect, it } from 'vitest';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import * as certificates from '../../support/certificates.ts';

const { server } = certificates;

/** Returns the TypeError that a call throws. */
function thrown(call: () => unknown): TypeError {
  let error: unknown;
  try {
    call();
  } catch (caught) {
    error = caught;
  }
  assert(error instanceof TypeError, String(error));
  return error;
}

describe('the options of tlsClient and tlsServer', () => {
  const wrong: Record<string, readonly unknown[]> = {
    ca: [1, {}, [1]],
    ALPNProtocols: ['h2', [1]],
    rejectUnauthorized: [0, 'no'],
    verify: [true, {}],
    truncation: ['never', true],
    secureContext: ['a', 1],
    minVersion: [12, 'TLSv9'],
    maxVersion: ['TLSv0'],
    ciphers: [1, 'NO-SUCH-CIPHER'],
    passphrase: [1],
    ticketKeys: [Buffer.alloc(3)],
  };

  it.each(Object.keys(wrong))('throw a TypeError that names the wrong option: %s', (name) => {
    for (const value of wrong[name] ?? []) {
      for (const call of [() => tlsClient({ [name]: value }), () => tlsServer({ ...server, [name]: value })])
        expect(thrown(call).message).toMatch(new RegExp(`^tls(Client|Server): expected .*\`${name}\``));
    }
  });

  it('throw a TypeError if they are unknown or of the other role', () => {
    expect(thrown(() => tlsClient({ SNICallback: () => undefined } as object)).message).toMatch(/^unknown option `SNICallback`/);
    expect(thrown(() => tlsClient({ toString: 1 } as object)).message).toMatch(/^unknown option `toString`/);
    expect(thrown(() => tlsServer({ ...server, servername: 'x' } as object)).message).toMatch(/^unknown option `servername`/);
    expect(thrown(() => tlsServer(undefined as never)).message).toMatch(/expected an object of options/);
    expect(thrown(() => tlsClient('x' as never)).message).toMatch(/expected an object of options/);
    tlsClient({ ca: undefined, verify: undefined });
  });

  it('throw a TypeError that names the wrong option of one role', () => {
    for (const options of [
      { servername: 1 },
      { servername: 'a\0b' },
      { servername: 'a b' },
      { session: true },
      { minDHSize: -1 },
      { checkServerIdentity: 1 },
    ])
      expect(thrown(() => tlsClient(options as object)).message).toMatch(new RegExp(`\`${Object.keys(options)[0]}\` to be`));
    for (const options of [{ requestCert: 1 }, { SNICallback: 1 }, { ALPNCallback: 'x' }])
      expect(thrown(() => tlsServer({ ...server, ...options } as never)).message).toMatch(
        new RegExp(`\`${Object.keys(options)[0]}\` to be`),
      );
  });
});
