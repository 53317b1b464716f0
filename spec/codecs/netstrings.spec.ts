import { from, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { netstrings, type NetstringsOptions } from '../../src/codecs/netstrings.ts';
import { EFRAMELIMIT, EPROTOCOL } from '../../src/errors.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { assertFails, decoded, keepsTheContract, outcome } from './codec-contract.ts';

const codec = netstrings({ maxLength: 20 });
const huge = 'x'.repeat(2 ** 19);

describe('netstrings', () => {
  keepsTheContract({
    codec,
    messages: ['hello', '', ':,', Uint8Array.of(0xff, 0), 'x'.repeat(20)],
    frames: ['5:hello,', '0:,', '2::,,', Uint8Array.of(0x32, 0x3a, 0xff, 0, 0x2c), `20:${'x'.repeat(20)},`],
    values: ['hello', '', ':,', '\xff\0', 'x'.repeat(20)],
    tooLong: '21',
    huge: { codec: netstrings({ maxLength: huge.length }), message: huge },
  });

  it('rejects an invalid length, and a frame without its comma', () => {
    for (const wrong of [':,', 'a', '-1:', '01:a,', '00:,', '1 :a,', '1:ab', '1;a,', '\n'])
      for (const { name, chunks } of rechunk(`1:x,${wrong}`)) {
        const result = decoded(codec, chunks);
        expect(result.end, `${wrong} ${name}`).toBe('error');
        assertFails(result, EPROTOCOL, 'read', ['x']);
      }
  });

  it('rejects a length at the digit with which it exceeds the limit', () => {
    for (const { chunks } of rechunk('9'.repeat(400))) assertFails(decoded(codec, chunks), EFRAMELIMIT, 'read', []);
  });

  it('rejects a message over the limit', () => {
    assertFails(outcome(of('x'.repeat(21)).pipe(codec.encode())), EFRAMELIMIT, 'write', []);
    assertFails(outcome(from([null] as never[]).pipe(codec.encode())), EPROTOCOL, 'write', []);
  });

  it('throws a TypeError for wrong options at the call', () => {
    expect(() => netstrings({} as NetstringsOptions)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/expected `maxLength`/) }),
    );
  });
});
