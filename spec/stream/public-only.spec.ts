import { describe, expect, it } from 'vitest';
import { publicOnly, type Candidate } from 'rxjs-io-stream';

const candidate = (fields: Partial<Candidate>): Candidate => ({
  host: 'name.test',
  port: 80,
  address: undefined,
  family: undefined,
  path: undefined,
  ...fields,
});

describe('publicOnly', () => {
  it.each(['8.8.8.8', '2001:4860:4860::8888'])('allows the address %s', (address) => {
    expect(publicOnly()(candidate({ address }))).toBe(true);
  });

  it.each([
    ['127.0.0.1', 'loopback (127.0.0.0/8, RFC 1122 section 3.2.1.3)'],
    ['::ffff:8.8.8.8', 'IPv4-mapped (::ffff:0:0/96, RFC 4291 section 2.5.5.2)'],
    ['fe80::1%eth0', 'link-local (fe80::/10, RFC 4291 section 2.5.6)'],
    ['0x7f.1', 'not an address'],
    ['', 'not an address'],
  ])('blocks the address %j: %s', (address, reason) => {
    expect(publicOnly()(candidate({ address }))).toBe(reason);
  });

  it.each(['example.com', 'example.com.', 'bücher.example', 'local.example.com', 'notlocalhost.example', '8.8.8.8'])(
    'allows the name %s, if a proxy resolves it',
    (host) => expect(publicOnly()(candidate({ host }))).toBe(true),
  );

  it.each([
    ['localhost', 'RFC 6761'],
    ['LOCALHOST.', 'RFC 6761'],
    ['a.localhost', 'RFC 6761'],
    ['printer.local', 'RFC 6762'],
    ['nas.home.arpa', 'RFC 8375'],
    ['metadata.google.internal', 'ICANN'],
    ['intranet', 'a name without a dot'],
    ['127.1', 'loopback'],
    ['0x7f.1', 'loopback'],
    ['2130706433', 'loopback'],
    ['0177.0.0.1', 'loopback'],
    ['１２７.0.0.1', 'loopback'],
    ['127.0.0.1.', 'loopback'],
    ['::1', 'loopback'],
    ['metadata.google.ｉnternal', 'ICANN'],
    ['x.in\u00adternal', 'ICANN'],
    ['x.internaℓ', 'ICANN'],
    ['foo.ｌｏｃａｌｈｏｓｔ', 'RFC 6761'],
    ['foo.localhost｡', 'RFC 6761'],
    ['foo.ᴸocal', 'RFC 6762'],
    ['ｉntranet', 'a name without a dot'],
    ['字'.repeat(40_000), 'not an address'],
    ['fe80::1%eth0', 'link-local'],
    ['1:2', 'not an address'],
    ['a b', 'not an address'],
  ])('blocks the name %s, if a proxy resolves it: %s', (host, reason) => {
    expect(publicOnly()(candidate({ host }))).toContain(reason);
  });

  it('blocks paths', () => {
    expect(publicOnly()(candidate({ host: undefined, port: undefined, path: '/run/x' }))).toBe('a path is on this machine');
  });
});
