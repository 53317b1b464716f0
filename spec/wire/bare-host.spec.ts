import { expect, it } from 'vitest';
import { bareHost } from '../../src/wire/bare-host.ts';

it.each([
  ['[::1]', '::1'],
  ['[fe80::1%lo]', 'fe80::1%lo'],
  ['::1', '::1'],
  ['192.0.2.1', '192.0.2.1'],
  ['example.com', 'example.com'],
  ['[example.com]', '[example.com]'],
  ['[]', '[]'],
  ['', ''],
  ['[::1]]', '[::1]]'],
])('bareHost makes %j %j', (host, bare) => expect(bareHost(host)).toBe(bare));
