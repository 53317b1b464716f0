import { from, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { delimited, type DelimitedOptions } from '../../src/codecs/delimited.ts';
import { EFRAMELIMIT, EPROTOCOL } from '../../src/errors.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { assertFails, bytesOf, decoded, keepsTheContract, outcome } from './codec-contract.ts';

const huge = 'x'.repeat(2 ** 19);

describe('delimited', () => {
  keepsTheContract({
    codec: delimited({ delimiter: '\0', maxLength: 8 }),
    messages: ['one', '', Uint8Array.of(0xff, 10, 0xfe), 'x'.repeat(8)],
    frames: ['one\0', '\0', Uint8Array.of(0xff, 10, 0xfe, 0), 'xxxxxxxx\0'],
    values: ['one', '', '\xff\n\xfe', 'xxxxxxxx'],
    tooLong: 'y'.repeat(9),
    huge: { codec: delimited({ delimiter: '\0', maxLength: huge.length }), message: huge },
  });

  describe('with a delimiter of several bytes', () => {
    keepsTheContract({
      codec: delimited({ delimiter: Uint8Array.of(13, 10, 46, 13, 10), maxLength: 20 }),
      messages: ['one\r\n', '', '\r\n..\r\n', '\r\n.\r'],
      frames: ['one\r\n\r\n.\r\n', '\r\n.\r\n', '\r\n..\r\n\r\n.\r\n', '\r\n.\r\r\n.\r\n'],
      tooLong: 'y'.repeat(25),
      huge: { codec: delimited({ delimiter: '\r\n.\r\n', maxLength: huge.length }), message: huge },
    });
  });

  it('finds a delimiter that starts again inside a partial match', () => {
    for (const { chunks } of rechunk('xaabaabab'))
      expect(decoded(delimited({ delimiter: 'aabab', maxLength: 9 }), chunks).values).toStrictEqual(['xaab']);
  });

  it('counts the bytes of a frame without its delimiter', () => {
    for (const { chunks } of rechunk('1234--12345--'))
      assertFails(decoded(delimited({ delimiter: '--', maxLength: 4 }), chunks), EFRAMELIMIT, 'read', ['1234']);
  });

  it('rejects messages that it would not decode to the same messages', () => {
    const codec = delimited({ delimiter: 'aa', maxLength: 8 });
    assertFails(outcome(of('b', 'xaay').pipe(codec.encode())), EPROTOCOL, 'write', ['baa']);
    assertFails(outcome(of('xa').pipe(codec.encode())), EPROTOCOL, 'write', []);
    assertFails(outcome(of('123456789').pipe(codec.encode())), EFRAMELIMIT, 'write', []);
    assertFails(outcome(from([{}] as never[]).pipe(codec.encode())), EPROTOCOL, 'write', []);
  });

  it('copies the array of its delimiter', () => {
    const delimiter = bytesOf(';');
    const codec = delimited({ delimiter, maxLength: 8 });
    delimiter[0] = 0;
    expect(decoded(codec, ['a;']).values).toStrictEqual(['a']);
  });

  it('throws a TypeError for wrong options at the call', () => {
    const make = (options: unknown) => () => delimited(options as DelimitedOptions);
    expect(make(undefined)).toThrow(expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/expected `maxLength`/) }));
    expect(make({ delimiter: ';' })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/expected `maxLength`/) }),
    );
    for (const delimiter of [undefined, '', new Uint8Array(0), 7])
      expect(make({ delimiter, maxLength: 8 })).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/expected `delimiter`/) }),
      );
  });
});
