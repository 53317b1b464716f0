import { expect, it } from 'vitest';
import { bareHost, isHost } from '../../src/util/host.ts';
import { cpuTime } from '../support/cpu-time.ts';

it.each([
  ['[::1]', '::1'],
  ['[fe80::1%lo]', 'fe80::1%lo'],
  ['::1', '::1'],
  ['192.0.2.1', '192.0.2.1'],
  ['example.com', 'example.com'],
  ['[example.com]', '[example.com]'],
  ['[]', '[]'],
  ['', ''],
  ['[', '['],
  [']', ']'],
  ['[:', '[:'],
  [':]', ':]'],
  ['[a]:[b]', '[a]:[b]'],
  ['[::1]]', '[::1]]'],
])('bareHost makes %j %j', (host, bare) => expect(bareHost(host)).toBe(bare));

it.each(['[', '[::1', ':', '[:', ']', '[[:'])('bareHost and isHost take linear time on many of %j', (part) => {
  const host = `[${part.repeat(1_000_000)}`;
  const start = cpuTime();
  expect([bareHost(host), bareHost(`${host}]`).length > 0, isHost(host)]).toEqual([host, true, true]);
  expect(cpuTime() - start).toBeLessThan(1000);
});
