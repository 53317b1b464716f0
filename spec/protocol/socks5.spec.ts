import { describe, expect, it } from 'vitest';
import { socks5Connect } from '../../src/protocol/socks5.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { bytesOfHex } from '../support/bytes-of-hex.ts';
import { runInHex, type HexResult } from './run-in-hex.ts';

const login = { user: Buffer.from('user'), pass: Buffer.from('secret') };
const to = { host: 'example.com', port: 443 };
const REQUEST = `050100030b${Buffer.from('example.com').toString('hex')}01bb`;
const LOGIN = '01047573657206736563726574';
const BOUND = '05 00 00 01 0a000001 1f90';

const talk = (reply: string, options: { target?: typeof to; credentials?: typeof login } = {}): HexResult<unknown> =>
  runInHex((link) => socks5Connect(link, options.target ?? to, options.credentials), [bytesOfHex(reply)]);

describe('socks5Connect', () => {
  const variants: [name: string, credentials: typeof login | undefined, reply: string, requests: string[]][] = [
    ['without authentication', undefined, `05 00 ${BOUND}`, ['050100', REQUEST]],
    ['with user and password', login, `05 02 01 00 ${BOUND}`, ['05020002', LOGIN, REQUEST]],
    ['with user and password, answered with the version of SOCKS', login, `05 02 05 00 ${BOUND}`, ['05020002', LOGIN, REQUEST]],
    ['with user and password that the proxy does not want', login, `05 00 ${BOUND}`, ['05020002', REQUEST]],
  ];

  it.each(variants)(
    'sends the same requests %s at every cut of the replies, and leaves the bytes that follow',
    (_, credentials, reply, requests) => {
      const payload = 'feedbeef';
      for (const { name, chunks } of rechunk(bytesOfHex(reply + payload), { empty: true, random: 200 })) {
        const run = runInHex((link) => socks5Connect(link, to, credentials), chunks);
        expect([run.result, run.unread], name).toEqual([{ boundAddress: '10.0.0.1', boundPort: 8080 }, payload]);
        // One chunk may answer several questions: then the whole output is in one text.
        expect(run.output.join(''), name).toBe(requests.join(''));
      }
    },
  );

  it.each(variants)('reports an end after each byte of the replies, %s', (_, credentials, reply) => {
    const whole = bytesOfHex(reply);
    for (let length = 0; length < whole.length; length += 1) {
      const { error } = runInHex((link) => socks5Connect(link, to, credentials), [whole.subarray(0, length)]);
      expect(error, `${length} bytes`).toMatchObject({ code: 'EPROXY', phase: 'handshake' });
      expect((error as Error).message).toContain(`(${length} bytes received)`);
    }
  });

  it.each([
    ['an IPv4 address', '127.0.0.1', '017f000001'],
    ['an IPv6 address', '::1', `04${'00'.repeat(15)}01`],
    ['a name', 'a', '030161'],
    ['a name of 255 bytes', 'x'.repeat(255), `03ff${'78'.repeat(255)}`],
    [
      'an address with a zone, which only the proxy may know, as a name',
      'fe80::1%eth0',
      `030c${Buffer.from('fe80::1%eth0').toString('hex')}`,
    ],
  ])('sends %s', (_, host, bytes) => {
    expect(talk(`0500${BOUND}`, { target: { host, port: 1 } }).output.join('')).toBe(`050100050100${bytes}0001`);
  });

  it('sends nothing if the name is too long', () => {
    const { output, error } = talk(`0500${BOUND}`, { target: { host: 'x'.repeat(256), port: 1 } });
    expect(output).toEqual([]);
    expect(error).toMatchObject({ code: 'EPROXY' });
    expect((error as Error).message).toContain('too long');
  });

  it.each([
    ['of type 1', '01 0a000001 1f90', '10.0.0.1', 8080],
    ['of type 3, empty', '03 00 1f90', '', 8080],
    ['of type 3', '03 01 61 0000', 'a', 0],
    ['of type 3, as long as can be', `03 ff ${'78'.repeat(255)} ffff`, 'x'.repeat(255), 65535],
    ['of type 4', `04 20010db8${'00'.repeat(11)}01 0050`, '2001:db8::1', 80],
  ])('reads a bound address %s at every cut, then the payload', (_, bound, boundAddress, boundPort) => {
    for (const { name, chunks } of rechunk(bytesOfHex(`0500 050000 ${bound} feed`), { random: 20 })) {
      expect(
        runInHex((link) => socks5Connect(link, to), chunks),
        name,
      ).toMatchObject({ result: { boundAddress, boundPort }, unread: 'feed' });
    }
  });

  it.each(['00', '02', '05', '80', 'ff'])('refuses address type %s in the reply', (type) => {
    expect(talk(`0500 050000 ${type} 00000000`).error).toMatchObject({ code: 'EPROTOCOL', phase: 'handshake' });
  });

  it('reports each reply code with its text, before the rest of the reply', () => {
    const texts = [
      'general SOCKS server failure',
      'connection not allowed by ruleset',
      'network unreachable',
      'host unreachable',
      'connection refused',
      'TTL expired',
      'command not supported',
      'address type not supported',
    ];
    for (let code = 1; code < 256; code += 1) {
      const status = code.toString(16).padStart(2, '0');
      for (const rest of ['', '00 01 00000000 0000']) {
        const { error } = talk(`0500 05 ${status} ${rest}`);
        expect(error).toMatchObject({ code: 'EPROXY', phase: 'handshake', status: code, reply: texts[code - 1] ?? 'unassigned' });
        expect((error as Error).message).toContain(`refused the connection (${code}: ${texts[code - 1] ?? 'unassigned'})`);
      }
    }
  });

  it.each([
    ['method reply', '04 00', undefined],
    ['method reply', '48 54', undefined],
    ['authentication reply', '05 02 02 00', login],
    ['authentication reply', '05 02 00 00', login],
    ['reply', '05 00 01 00', undefined],
    ['reply', '05 00 04 5a', undefined],
  ])('rejects a wrong version in the %s: %s', (where, reply, credentials) => {
    const { error } = talk(reply, credentials ? { credentials } : {});
    expect(error).toMatchObject({ code: 'EPROTOCOL', phase: 'handshake' });
    expect((error as Error).message).toContain(`the ${where} has version `);
  });

  it.each([
    ['', '04', undefined],
    ['0502', '00', login],
    ['0500', '01', undefined],
  ])('refuses after %j the version %s at its byte', (before, version, credentials) => {
    const options = credentials ? { credentials } : {};
    expect(talk(before, options).error).toMatchObject({ code: 'EPROXY' });
    expect(talk(before + version, options).error).toMatchObject({ code: 'EPROTOCOL' });
  });

  it('quotes what came instead of a reply, without the password', () => {
    const message = (reply: Buffer): string => (runInHex((link) => socks5Connect(link, to, login), [reply]).error as Error).message;
    expect(message(Buffer.from('HTTP/1.1 400 Bad Request\r\n'))).toBe(
      String.raw`the method reply has version 72 instead of 5: "HTTP/1.1 400 Bad Request\r\n"; is it a SOCKS5 proxy? [EPROTOCOL]`,
    );
    const echo = Buffer.concat([bytesOfHex('05020002'), bytesOfHex(LOGIN)]);
    expect(message(echo)).toBe(
      String.raw`the authentication reply has version 0 instead of 1: "\u0000\u0002\u0001\u0004user\u0006***"; is it a SOCKS5 proxy? [EPROTOCOL]`,
    );
  });

  it('sends an empty password', () => {
    const credentials = { user: Buffer.from('user'), pass: Buffer.alloc(0) };
    expect(talk(`05020100${BOUND}`, { credentials }).output.join('')).toBe(`0502000201047573657200${REQUEST}`);
  });

  it('escapes a bound name, and hides the password in it', () => {
    const bound = (name: string): unknown => {
      const bytes = Buffer.from(name);
      const reply = Buffer.concat([bytesOfHex('0502 0100 05000003'), Buffer.of(bytes.length), bytes, bytesOfHex('0050')]);
      return runInHex((link) => socks5Connect(link, to, login), [reply]).result?.boundAddress;
    };
    expect(bound('a\u001b[31m\u009b\u202eb\r\n')).toBe(String.raw`a\u001b[31m\u009b\u202eb\u000d\u000a`);
    expect(bound('secret.example')).toBe('***.example');
  });

  it.each([
    ['ff', undefined],
    ['ff', login],
    ['02', undefined],
    ['01', undefined],
    ['01', login],
    ['80', login],
  ])('sends nothing more if the proxy selects method %s, which was not offered', (method, credentials) => {
    const { output, error } = talk(`05 ${method}`, credentials ? { credentials } : {});
    expect(output).toEqual([credentials ? '05020002' : '050100']);
    expect(error).toMatchObject({ code: 'EPROXYAUTH', status: parseInt(method, 16) });
  });

  it('reports that user and password were refused, without them', () => {
    const { output, error } = runInHex((link) => socks5Connect(link, to, login), [bytesOfHex('05 02'), bytesOfHex('01 07')]);
    expect(output.join('')).toBe(`05020002${LOGIN}`);
    expect(error).toMatchObject({ code: 'EPROXYAUTH', status: 7, reply: 'authentication failed' });
    expect(JSON.stringify([error, (error as Error).message])).not.toMatch(/secret|"user"/);
  });
});
