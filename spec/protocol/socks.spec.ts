import { describe, expect, it } from 'vitest';
import { checkSocksOptions, nameBytes, portBytes, portOf, refusal, SOCKS_RULES } from '../../src/protocol/socks.ts';

describe('nameBytes', () => {
  it('takes names of 1 to 255 bytes (C10)', () => {
    expect(nameBytes('a')).toEqual(Uint8Array.of(97));
    expect(nameBytes('x'.repeat(255))).toHaveLength(255);
  });

  it.each([
    ['', 'got 0 bytes'],
    ['x'.repeat(256), 'got 256 bytes, which is too long'],
    [`${'x'.repeat(254)}é`, 'got 256 bytes, which is too long'],
    ['a\0b', 'got one with NUL'],
  ])('refuses others (C10, C11)', (name, message) => {
    expect(() => nameBytes(name)).toThrow(expect.objectContaining({ code: 'EPROXY', phase: 'handshake' }) as Error);
    expect(() => nameBytes(name)).toThrow(message);
  });
});

describe('portBytes and portOf', () => {
  it.each([0, 1, 80, 255, 256, 65535])('are the opposite of each other: %i', (port) => {
    expect(portOf(Uint8Array.from(portBytes(port)))).toBe(port);
  });
});

describe('refusal', () => {
  it('says what was expected and what the proxy answered, with the number in `status` and its text in `reply`', () => {
    expect(refusal('EPROXY', 'a connection', 5, 'connection refused')).toMatchObject({
      code: 'EPROXY',
      phase: 'handshake',
      status: 5,
      reply: 'connection refused',
      message: 'expected a connection, the SOCKS proxy answered 5: connection refused',
    });
  });
});

describe('checkSocksOptions', () => {
  const good = { host: 'proxy', port: 1080 };
  const check = (options: unknown) => () => checkSocksOptions('socksX', options, SOCKS_RULES);

  it.each([good, { ...good, port: 65535 }, { ...good, resolve: 'local', lookup: () => {} }, { ...good, resolve: undefined }])(
    'takes %j',
    (options) => {
      expect(check(options)).not.toThrow();
    },
  );

  it.each<[unknown, string]>([
    [undefined, 'expected an object of options for socksX, got undefined'],
    [null, 'expected an object of options for socksX, got null'],
    ['proxy:1080', 'expected an object of options for socksX, got a string of 10 bytes'],
    [{}, 'expected `host` of socksX'],
    [{ port: 1 }, 'expected `host` of socksX'],
    [{ host: 'proxy' }, 'expected `port` of socksX to be an integer from 1 to 65535, got undefined'],
    [{ ...good, host: '' }, 'expected `host` of socksX'],
    [{ ...good, host: 'a b' }, 'expected `host` of socksX'],
    [{ ...good, host: 'a\r\nb' }, 'expected `host` of socksX'],
    [{ ...good, port: 0 }, 'got 0'],
    [{ ...good, port: 65536 }, 'got 65536'],
    [{ ...good, port: '1080' }, 'expected `port` of socksX to be an integer from 1 to 65535, got a string of 4 bytes'],
    [{ ...good, resolve: 'remote' }, "expected `resolve` of socksX to be 'proxy' or 'local'"],
    [{ ...good, lookup: 'dns' }, 'expected `lookup` of socksX'],
    [{ ...good, username: 'me' }, 'expected socksX to have the options host, port, resolve, lookup, got `username`'],
  ])('refuses %j', (options, message) => {
    expect(check(options)).toThrow(TypeError);
    expect(check(options)).toThrow(message);
  });
});
