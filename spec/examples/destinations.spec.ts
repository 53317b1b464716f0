import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { Forbidden, guarded, isPublic } from '../../examples/support/destinations.ts';

describe('examples/support/destinations.ts', () => {
  it.each(['1.1.1.1', '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00::1'])('treats %s as public', (address) => {
    expect(isPublic(address)).toBe(true);
  });

  it.each([
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.16.0.1', '192.168.1.1', '198.18.0.1'],
    ...['224.0.0.1', '255.255.255.255', '::', '::1', 'fe80::1', 'fe80::1%lo', 'fc00::1', 'ff02::1', '2001:db8::1', '2002:7f00:1::'],
    ...['::ffff:8.8.8.8', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '2001::1', 'localhost', ''],
  ])('treats %j as not public', (address) => {
    expect(isPublic(address)).toBe(false);
  });

  const allows = (allow: readonly string[], host: string, port: number): boolean => {
    try {
      guarded({ host, port }, { allow, local: true }, undefined);
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(Forbidden);
      return false;
    }
  };

  it('allows the hosts and ports of the list', () => {
    expect(allows(['b.test'], 'B.test.', 80)).toBe(true);
    expect(allows(['b.test'], 'a.b.test', 80)).toBe(false);
    expect(allows(['*.b.test'], 'a.b.test', 80)).toBe(true);
    expect(allows(['*.b.test'], 'ab.test', 80)).toBe(false);
    expect(allows(['*:443'], 'x', 443)).toBe(true);
    expect(allows(['*:443'], 'x', 80)).toBe(false);
    expect(allows(['[::1]:80'], '::1', 80)).toBe(true);
    expect(allows(['[::1]:80'], '::1', 81)).toBe(false);
    expect(allows([], 'x', 80)).toBe(false);
  });

  it('refuses the port of the proxy on every address of this machine', () => {
    const own = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
    for (const host of [...own, '127.0.0.1', '127.9.9.9', '::1', '::', '0.0.0.0']) {
      expect(() => guarded({ host, port: 80 }, { local: true }, 80)).toThrow(Forbidden);
      expect(guarded({ host, port: 81 }, { local: true }, 80)).toMatchObject({ host, port: 81 });
    }
  });
});
