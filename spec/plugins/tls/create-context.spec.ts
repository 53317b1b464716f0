import { createPrivateKey } from 'node:crypto';
import { inspect } from 'node:util';
import { of } from 'rxjs';
import { assert, describe, expect, it } from 'vitest';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer, type TlsServerOptions } from '../../../src/plugins/tls/tls-server.ts';
import * as certificates from '../../support/certificates.ts';

const { ca, server } = certificates;

/** Matches OpenSSL's numbers and source lines. */
const RAW = /error:[0-9A-F]{8}:|\.c:\d+|\n/;

const PASSPHRASE = 'a secret passphrase';

const encrypted = createPrivateKey(server.key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: PASSPHRASE });

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

describe('certificates and keys that cannot be used', () => {
  const { key, cert } = server;

  const other = certificates.other.key;

  const misuses: Record<string, readonly [call: () => unknown, words: RegExp]> = {
    'paths instead of contents': [
      () => tlsServer({ key: '/etc/key.pem', cert: '/etc/cert.pem' }),
      /`cert` to hold PEM certificates, got a string of 13 bytes without a PEM block; give the contents of the file/,
    ],
    'the path of an authority': [
      () => tlsClient({ ca: '/etc/ca.pem' }),
      /`ca` to hold PEM certificates, got a string of 11 bytes without a PEM block/,
    ],
    'a path among authorities': [
      () => tlsClient({ ca: [ca, Buffer.from('/etc/ca.pem')] }),
      /`ca` to hold PEM certificates, got 11 bytes without/,
    ],
    'a key for an authority': [() => tlsClient({ ca: key }), /`ca` to hold PEM certificates, got PEM of another kind: PRIVATE KEY/],
    "key and certificate in each other's place": [
      () => tlsServer({ key: cert, cert: key }),
      /`cert` to hold PEM certificates, got PEM of another kind: PRIVATE KEY/,
    ],
    'a certificate for a key': [
      () => tlsServer({ key: cert, cert }),
      /`key` to hold PEM private keys, got PEM of another kind: CERTIFICATE/,
    ],
    'the key of another certificate': [() => tlsServer({ key: other, cert }), /key values mismatch/],
    'a broken key': [() => tlsServer({ key: key.replace(/[\w+/]{20}/, ''), cert }), /expected `key` that OpenSSL can use/],
    'a key for a version': [() => tlsClient({ minVersion: key as 'TLSv1.3' }), /`minVersion` to be 'TLSv1', .*got a string of/],
    'a key for a protocol': [() => tlsClient({ secureProtocol: key }), /`secureProtocol` to be the name of a method/],
    'a key for ciphers': [() => tlsClient({ ciphers: key }), /expected `ciphers` that OpenSSL can use, got no cipher match/],
    'a key for a curve': [() => tlsClient({ ecdhCurve: key }), /expected `ecdhCurve`/],
    'a key for a name': [() => tlsClient({ servername: key }), /`servername` to be a host name/],
    'a key in a list, as an object that is none': [
      () => tlsServer({ key: [{ pem: { secret: key } as never }], cert }),
      /expected `key` that OpenSSL can use, got a value that Node refuses/,
    ],
    'a key for a PFX': [() => tlsServer({ pfx: key }), /expected `pfx` that OpenSSL can use/],
    'a key for all options': [() => tlsServer(key as never), /expected an object of options for tlsServer, got a string of \d+ bytes/],
    'a context with a key of its own': [() => tlsServer({ secureContext: { key: other, cert } }), /mismatch/],
    'a plugin for options': [
      () => tlsClient(tlsClient() as object),
      /tlsClient: expected an object of options, got a function; a plugin is what tlsClient returns/,
    ],
  };

  it.each(Object.keys(misuses))('throw a TypeError that names the option and quotes no secret: %s', (what) => {
    const [call, words] = misuses[what]!;
    let thrown: unknown;
    try {
      call();
    } catch (error) {
      thrown = error;
    }
    assert(thrown instanceof TypeError, String(thrown));
    expect(thrown.message).toMatch(words);
    assert(!RAW.test(thrown.message), thrown.message);
    const all = inspect(thrown, { depth: 9, showHidden: true }).replaceAll(/\s|\\n|' \+\s*'/g, '');
    for (const secret of [key, other, cert])
      for (const line of secret.split('\n').slice(1, -2)) assert(!all.includes(line.slice(0, 20)), all);
  });

  it('throw a TypeError if a key comes without its certificate, or a server has neither', () => {
    const { key, cert } = server;
    expect(thrown(() => tlsClient({ key })).message).toMatch(/got `key` without `cert`/);
    expect(thrown(() => tlsServer({ cert })).message).toMatch(/got `cert` without `key`/);
    expect(thrown(() => tlsServer({})).message).toMatch(/expected `key` and `cert`/);
    expect(thrown(() => tlsServer({ key, cert: certificates.other.cert })).message).toMatch(/mismatch/);
    expect(thrown(() => tlsServer({ key, cert: 'not a certificate' })).message).toMatch(/expected `cert`/);
    expect(thrown(() => tlsServer({ secureContext: { key } })).message).toMatch(/got `key` without `cert`/);
    tlsServer({ SNICallback: () => undefined });
    tlsServer({ secureContext: of(server) });
    tlsServer({ secureContext: server });
  });

  it('throw a TypeError that does not contain the wrong passphrase', () => {
    const options: TlsServerOptions = { key: encrypted, cert: server.cert };
    tlsServer({ ...options, passphrase: PASSPHRASE });
    for (const passphrase of [undefined, `${PASSPHRASE}, not`]) {
      const error = thrown(() => tlsServer({ ...options, passphrase }));
      expect(error.message).toMatch(/expected `passphrase` that OpenSSL can use/);
      assert(!JSON.stringify([error.message, String(error.cause), error.stack]).includes(PASSPHRASE));
    }
  });
});
