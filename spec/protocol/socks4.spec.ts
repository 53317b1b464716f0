import { describe, expect, it } from 'vitest';
import { socks4Connect } from '../../src/protocol/socks4.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { bytesOfHex } from '../support/bytes-of-hex.ts';
import { runInHex, type HexResult } from './run-in-hex.ts';

const ok = bytesOfHex('00 5a 1f90 0a000001');
const me = Buffer.from('me');
const ask = (host: string, { reply = ok, user = me }: { reply?: Uint8Array; user?: Uint8Array } = {}): HexResult<unknown> =>
  runInHex((link) => socks4Connect(link, { host, port: 443 }, user), [reply]);
const name = (host: string): string => `${Buffer.from(host).toString('hex')}00`;

describe('socks4Connect', () => {
  it.each([
    ['an address', '192.0.2.1', '0401 01bb c0000201 6d6500'],
    ['a name (4a)', 'example.com', `0401 01bb 00000001 6d6500 ${name('example.com')}`],
    ['an address that would announce a name, as a name', '0.0.0.7', `0401 01bb 00000001 6d6500 ${name('0.0.0.7')}`],
    ['the address 0.0.0.0', '0.0.0.0', '0401 01bb 00000000 6d6500'],
    ['a name of 255 bytes', 'x'.repeat(255), `0401 01bb 00000001 6d6500 ${name('x'.repeat(255))}`],
  ])('asks for %s in one piece', (_, host, request) => {
    expect(ask(host)).toEqual({ output: [request.replaceAll(' ', '')], unread: '', result: { boundAddress: '10.0.0.1', boundPort: 8080 } });
  });

  it('asks without a user, too', () => {
    expect(ask('192.0.2.1', { user: new Uint8Array(0) }).output).toEqual(['040101bbc000020100']);
  });

  it('reads the reply at every cut, and leaves the bytes that follow', () => {
    for (const { name, chunks } of rechunk(Buffer.concat([ok, bytesOfHex('feedbeef')]), { empty: true, random: 200 })) {
      const run = runInHex((link) => socks4Connect(link, { host: 'a', port: 1 }, me), chunks);
      expect(run, name).toMatchObject({ result: { boundAddress: '10.0.0.1', boundPort: 8080 }, unread: 'feedbeef' });
    }
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])('reports an end after %i bytes of the reply', (length) => {
    const { error } = ask('a', { reply: ok.subarray(0, length) });
    expect(error).toMatchObject({ code: 'EPROXY', phase: 'handshake' });
    expect((error as Error).message).toContain(`(${length} bytes received)`);
  });

  it('reports each reply code with its text', () => {
    const texts: Record<number, string> = {
      91: 'request rejected or failed',
      92: 'request rejected because the proxy cannot connect to identd on the client',
      93: 'request rejected because identd and the client report different users',
    };
    for (let code = 0; code < 256; code += 1) {
      if (code === 90) continue;
      const { error } = ask('a', { reply: Uint8Array.of(0, code) });
      expect(error).toMatchObject({ code: 'EPROXY', status: code, reply: texts[code] ?? 'unassigned' });
    }
  });

  it.each([1, 4, 5, 0x48, 0xff])('rejects version %i in the reply', (version) => {
    expect(ask('a', { reply: Uint8Array.of(version, 90) }).error).toMatchObject({ code: 'EPROTOCOL', phase: 'handshake' });
  });

  it('refuses another version at its byte, and quotes what came', () => {
    expect(ask('a', { reply: bytesOfHex('05') }).error).toMatchObject({ code: 'EPROTOCOL' });
    expect((ask('a', { reply: bytesOfHex('05 00') }).error as Error).message).toBe(
      String.raw`the reply has version 5 instead of 0: "\u0005\u0000" (SOCKS5); is it a SOCKS4 proxy? [EPROTOCOL]`,
    );
  });

  it.each([
    ['an IPv6 address', '::1', 'IPv6'],
    ['a name that is too long', 'x'.repeat(256), 'too long'],
    ['a name with NUL', 'a\0b', 'NUL'],
  ])('sends nothing for %s', (_, host, message) => {
    const { output, error } = ask(host);
    expect([output, (error as { code: string }).code]).toEqual([[], 'EPROXY']);
    expect((error as Error).message).toContain(message);
  });
});
