import { Socket } from 'node:net';
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { wireDetails } from '../../src/wire/wire-details.ts';

it('keeps the handle of a wire out of what is printed and copied', () => {
  const handle = new Socket();
  const details = wireDetails({ wire: 'tcp', ip: '127.0.0.1' }, handle);
  expect(details.handle).toBe(handle);
  expect(inspect(details)).toBe("{ wire: 'tcp', ip: '127.0.0.1' }");
  expect(JSON.stringify({ kind: 'connected', details: [details] })).toBe(
    '{"kind":"connected","details":[{"wire":"tcp","ip":"127.0.0.1"}]}',
  );
});
