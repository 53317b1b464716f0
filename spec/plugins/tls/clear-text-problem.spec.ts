import { once } from 'node:events';
import { connect as dial, createServer, type AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { assert, describe, expect, it } from 'vitest';
import { clearTextProblem } from '../../../src/plugins/tls/clear-text-problem.ts';
import { passthrough } from '../../../src/plugins/passthrough.ts';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import { tcp } from '../../../src/wire/tcp.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import { serving } from '../../support/clients.ts';
import type { Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';

const { ca, server } = certificates;

/** Returns the error of a client whose server sends these pieces. */
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

describe('a peer that does not speak TLS', () => {
  const greetings: Record<string, readonly [sent: readonly string[], quoted: string]> = {
    'a mail server': [['220 mail.example ESMTP\r\n'], '220 mail.example ESMTP'],
    'an HTTP server': [['HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n'], 'HTTP/1.1 400 Bad Request'],
    'a long line': [['SSH-2.0-'.padEnd(100, 'x')], `${'SSH-2.0-'.padEnd(32, 'x')}…`],
    'less than a record': [['ok'], 'ok'],
    'control characters': [['\0\u0001\u001b[31m\u009bred\u00ff'], '\\x00\\x01\\x1b[31m\\x9bred\\xff'],
    'empty lines': [['\r\n\r\n'], '\\x0d\\x0a\\x0d\\x0a'],
    'a version of SSL that is gone': [['\u0016\u0002\0\0\u0001'], '\\x16\\x02\\x00\\x00\\x01'],
  };

  spec.each(Object.keys(greetings))('is quoted by its first line: %s', async (h, what) => {
    const [sent, quoted] = greetings[what]!;
    const { message } = await answered(h, ...sent);
    expect(message).toBe(`tls: the peer does not speak TLS: it sent \`${quoted}\` [ETLS]`);
  });

  spec('is detected at the first byte, however the bytes are cut', async (h) => {
    for (const pieces of [
      ['2', '20 mail\r\n'],
      ['\u0016', '\u0002'],
    ])
      expect((await answered(h, ...pieces)).message).toMatch(/does not speak TLS: it sent/);
  });

  spec.each(['GET /?token=48151623 HTTP/1.1\r\nAuthorization: Basic 48151623\r\n\r\n', 'PASS 48151623\r\n'])(
    'is quoted by one word at most, if it is a client: %j',
    async (h, sent) => {
      const { at, errors } = await serving(h, () => [], { plugin: { tls: tlsServer(server), below: passthrough() } });
      const socket = dial(at).on('error', () => {});
      h.defer(() => socket.destroy());
      socket.write(sent);
      await h.until(() => errors.values.length > 0);
      const error = errors.values[0] as Error;
      expect(error.message).toBe(`tls: the peer does not speak TLS: it sent \`${sent.slice(0, 4)}…\` [ETLS]`);
      assert(!inspect(error, { depth: 9 }).includes('48151623'));
    },
  );

  spec.each(['GET / HTTP/1.1\r\n\r\n', 'CONNECT a:1 HTTP/1.1\r\n\r\n', 'PASS 48151623\r\n', '220 mail.example ESMTP\r\n'])(
    'is identified, but not quoted, directly on a socket: %j',
    async (h, sent) => {
      const { at, errors } = await serving(h, () => [], { plugin: { tls: tlsServer(server) } });
      const socket = dial(at).on('error', () => {});
      h.defer(() => socket.destroy());
      socket.write(sent);
      await h.until(() => errors.values.length > 0);
      h.error(errors.values[0], { code: 'ETLS', phase: 'handshake', layer: 'tls' });
      expect((errors.values[0] as Error).message).toBe('tls: the peer does not speak TLS [ETLS]');

      const clear = createServer((peer) =>
        peer
          .on('error', () => {})
          .resume()
          .end(sent),
      ).listen(0, '127.0.0.1');
      h.defer(() => clear.close());
      await once(clear, 'listening');
      const to = { host: '127.0.0.1', port: (clear.address() as AddressInfo).port };
      const near = new WireDriver(h, tlsClient({ ca })(tcp()), { ...dialOf(), to, layer: 'tls' });
      expect(((await near.up.ended).error as Error).message).toBe('tls: the peer does not speak TLS [ETLS]');
    },
  );
});

describe('clearTextProblem', () => {
  it('accepts records of TLS and nothing else', () => {
    for (const first of [[], [22], [22, 3], [21, 3, 1], [20, 3], [23, 3, 3]])
      expect(clearTextProblem(Buffer.from(first), 'server'), String(first)).toBe(undefined);
    for (const first of [[19], [24, 3], [22, 2], [22, 4], [0x80, 0x2e], [50]])
      expect(String(clearTextProblem(Buffer.from(first), 'server')), String(first)).toMatch(/does not speak TLS/);
  });
});
