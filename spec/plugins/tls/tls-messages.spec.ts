import { connect as dial } from 'node:net';
import { inspect } from 'node:util';
import { assert, describe, expect, it } from 'vitest';
import { clearTextProblem, opensslReason } from '../../../src/plugins/tls/tls-errors.ts';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import { serving } from '../../support/clients.ts';
import { type Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';
import { Session } from '../../support/tls-tools.ts';

const { ca, server } = certificates;
/** OpenSSL's numbers and source lines. */
const RAW = /error:[0-9A-F]{8}:|\.c:\d+|\n/;

/** The error of a client whose server sends this, in pieces. */
async function answered(h: Harness, ...pieces: readonly string[]): Promise<Error> {
  const [a, b] = memoryPair();
  const far = new WireDriver(h, b);
  const near = new WireDriver(h, tlsClient({ ca })(a), { ...dialOf(), to: { host: 'localhost', port: 7 }, layer: 'tls' });
  await far.waitFor('connected');
  for (const piece of pieces) far.write(Buffer.from(piece, 'latin1'));
  await near.up.ended;
  h.error(near.up.error, { code: 'ETLS', phase: 'handshake', layer: 'tls' });
  return near.up.error as Error;
}

describe('TLS to a peer that does not speak it', () => {
  const greetings: Record<string, readonly [sent: readonly string[], quoted: string]> = {
    'a mail server': [['220 mail.example ESMTP\r\n'], '220 mail.example ESMTP'],
    'an HTTP server': [['HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n'], 'HTTP/1.1 400 Bad Request'],
    'a long line': [['SSH-2.0-'.padEnd(100, 'x')], `${'SSH-2.0-'.padEnd(32, 'x')}…`],
    'less than a record': [['ok'], 'ok'],
    'control characters': [['\0\u0001\u001b[31m\u009bred\u00ff'], '\\x00\\x01\\x1b[31m\\x9bred\\xff'],
    'empty lines': [['\r\n\r\n'], '\\x0d\\x0a\\x0d\\x0a'],
    'a version of SSL that is gone': [['\u0016\u0002\0\0\u0001'], '\\x16\\x02\\x00\\x00\\x01'],
  };
  spec.each(Object.keys(greetings))('quotes the first line of %s', async (h, what) => {
    const [sent, quoted] = greetings[what]!;
    const { message } = await answered(h, ...sent);
    expect(message).toBe(`tls: the peer does not speak TLS: it sent \`${quoted}\``);
  });

  spec('is known at the first byte that is no record, however the bytes are cut', async (h) => {
    for (const pieces of [
      ['2', '20 mail\r\n'],
      ['\u0016', '\u0002'],
    ])
      expect((await answered(h, ...pieces)).message).toMatch(/does not speak TLS: it sent/);
  });

  spec.each(['GET /?token=48151623 HTTP/1.1\r\nAuthorization: Basic 48151623\r\n\r\n', 'PASS 48151623\r\n'])(
    'quotes no more than a word of a client: %j',
    async (h, sent) => {
      const { at, errors } = await serving(h, () => [], { plugin: { tls: tlsServer(server) } });
      const socket = dial(at).on('error', () => {});
      h.defer(() => socket.destroy());
      socket.write(sent);
      await h.until(() => errors.values.length > 0);
      const error = errors.values[0] as Error;
      expect(error.message).toBe(`tls: the peer does not speak TLS: it sent \`${sent.slice(0, 4)}…\``);
      assert(!inspect(error, { depth: 9 }).includes('48151623'));
    },
  );

  it('takes records of TLS and nothing else for TLS', () => {
    for (const first of [[], [22], [22, 3], [21, 3, 1], [20, 3], [23, 3, 3]])
      expect(clearTextProblem(Buffer.from(first), 'server'), String(first)).toBe(undefined);
    for (const first of [[19], [24, 3], [22, 2], [22, 4], [0x80, 0x2e], [50]])
      expect(String(clearTextProblem(Buffer.from(first), 'server')), String(first)).toMatch(/does not speak TLS/);
  });
});

describe('an error of OpenSSL', () => {
  it.each([
    [
      '80BCC6C4417F0000:error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure:../deps/x.c:1601:SSL alert number 40\n',
      'sslv3 alert handshake failure (SSL alert number 40)',
    ],
    ['error:0480006C:PEM routines::no start line', 'no start line'],
    ['error:100000c0:SSL routines:OPENSSL_internal:PEER_DID_NOT_RETURN_A_CERTIFICATE', 'PEER_DID_NOT_RETURN_A_CERTIFICATE'],
    ['80BC:error:0A0000C7:SSL routines:f:peer did not return a certificate:../deps/y.c:3517:\n', 'peer did not return a certificate'],
    ['certificate has expired', 'certificate has expired'],
  ])('is reported by its reason: %j', (line, reason) => {
    expect(opensslReason(line)).toBe(reason);
  });

  spec('that comes as an alert is reported as one of the peer', async (h) => {
    const session = new Session(h, { version: 'TLSv1.2', server: { minVersion: 'TLSv1.3' } });
    await Promise.all([session.client.up.ended, session.server.up.ended]);
    const messages = [session.client.up.error, session.server.up.error].map((error) => (error as Error).message);
    expect(messages[0]).toBe('client: the peer sent a TLS alert: tlsv1 alert protocol version (SSL alert number 70)');
    expect(messages[1]).toBe('server: unsupported protocol');
  });
});

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
  it.each(Object.keys(misuses))('are named, and no message quotes them: %s', (what) => {
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
});
