import { describe, expect, it } from 'vitest';
import { nameBytes, portBytes, portOf, socksRefusal } from '../../src/protocol/socks.ts';

describe('nameBytes', () => {
  it('accepts names of 1 to 255 bytes', () => {
    expect(nameBytes('a')).toEqual(Uint8Array.of(97));
    expect(nameBytes('x'.repeat(255))).toHaveLength(255);
  });

  it.each([
    ['', 'got 0 bytes'],
    ['x'.repeat(256), 'got 256 bytes, which is too long'],
    [`${'x'.repeat(254)}é`, 'got 256 bytes, which is too long'],
    ['a\0b', 'got one with NUL'],
  ])('refuses others', (name, message) => {
    expect(() => nameBytes(name)).toThrow(expect.objectContaining({ code: 'EPROXY', phase: 'handshake' }) as Error);
    expect(() => nameBytes(name)).toThrow(message);
  });
});

describe('portBytes and portOf', () => {
  it.each([0, 1, 80, 255, 256, 65535])('are the opposite of each other: %i', (port) => {
    expect(portOf(Uint8Array.from(portBytes(port)))).toBe(port);
  });
});

describe('socksRefusal', () => {
  it('states what the proxy refused, with the number in `status` and its text in `reply`', () => {
    expect(socksRefusal('EPROXY', 'refused the connection', 5, 'connection refused')).toMatchObject({
      code: 'EPROXY',
      phase: 'handshake',
      status: 5,
      reply: 'connection refused',
      message: 'the SOCKS proxy refused the connection (5: connection refused) [EPROXY]',
    });
  });
});
