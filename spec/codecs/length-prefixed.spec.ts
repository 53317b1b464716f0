import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { lengthPrefixed, type LengthPrefixedOptions } from '../../src/codecs/length-prefixed.ts';
import { EFRAMELIMIT, EPROTOCOL } from '../../src/errors.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { joined } from '../support/assert-same-bytes.ts';
import { assertFails, bytesFrom, bytesOf, decoded, keepsTheContract, outcome } from './codec-contract.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const huge = 'x'.repeat(2 ** 19);

/** The options, the header of 'abc' and of nothing, and one that tells 301 bytes. */
const HEADERS: readonly [LengthPrefixedOptions, string, string, string][] = [
  [{ bytes: 1, maxLength: 200 }, '03', '00', 'c9'],
  [{ bytes: 1, includesHeader: true, maxLength: 200 }, '04', '01', 'ca'],
  [{ bytes: 2, maxLength: 300 }, '0003', '0000', '012d'],
  [{ bytes: 2, endian: 'little', maxLength: 300 }, '0300', '0000', '2d01'],
  [{ bytes: 2, includesHeader: true, maxLength: 300 }, '0005', '0002', '012f'],
  [{ maxLength: 300 }, '00000003', '00000000', '0000012d'],
  [{ bytes: 4, endian: 'little', maxLength: 300 }, '03000000', '00000000', '2d010000'],
  [{ bytes: 4, endian: 'little', includesHeader: true, maxLength: 300 }, '07000000', '04000000', '31010000'],
  [{ bytes: 'varint', maxLength: 300 }, '03', '00', 'ad02'],
  [{ bytes: 'varint', includesHeader: true, maxLength: 300 }, '04', '01', 'af02'],
];

describe('lengthPrefixed', () => {
  for (const [options, abc, nothing, tooLong] of HEADERS) {
    const { maxLength, ...header } = options;
    describe(JSON.stringify(header), () => {
      const wide = header.bytes === 1 || header.bytes === 2 ? ({ ...header, bytes: 4 } as const) : header;
      keepsTheContract({
        codec: lengthPrefixed(options),
        messages: ['abc', '', bytesOf('abc')],
        frames: [joined([hex(abc), 'abc']), hex(nothing), joined([hex(abc), 'abc'])],
        tooLong: hex(tooLong),
        huge: { codec: lengthPrefixed({ ...wide, maxLength: huge.length }), message: huge },
      });

      it('gives back a frame of each length up to the limit', () => {
        const codec = lengthPrefixed(options);
        const most = 'x'.repeat(maxLength);
        const messages = Array.from({ length: maxLength + 1 }, (_, length) => most.slice(0, length));
        expect(decoded(codec, bytesFrom(codec, messages))).toStrictEqual({ values: messages, end: 'complete' });
        assertFails(outcome(of(`${most}x`).pipe(codec.encode())), EFRAMELIMIT, 'write', []);
      });
    });
  }

  it('refuses a length as soon as it is told, whatever it would cost', () => {
    for (const endian of ['big', 'little'] as const)
      for (const { chunks } of rechunk(hex('ffffffff')))
        assertFails(decoded(lengthPrefixed({ endian, maxLength: 2 ** 31 }), chunks), EFRAMELIMIT, 'read', []);
  });

  it('takes no memory for what was only announced', () => {
    const before = process.memoryUsage().arrayBuffers;
    const result = decoded(lengthPrefixed({ maxLength: 2 ** 30 }), [hex('3fffffff'), 'x']);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
    assertFails(result, EPROTOCOL, 'read', []);
  });

  it('refuses a length that is shorter than the header it includes', () => {
    for (const { chunks } of rechunk(hex('00000003')))
      assertFails(decoded(lengthPrefixed({ includesHeader: true, maxLength: 9 }), chunks), EPROTOCOL, 'read');
  });

  it('refuses to encode what does not fit into the header', () => {
    const long = 'x'.repeat(256);
    assertFails(outcome(of(long).pipe(lengthPrefixed({ bytes: 1, maxLength: 1000 }).encode())), EFRAMELIMIT, 'write');
    assertFails(
      outcome(of(long.slice(1)).pipe(lengthPrefixed({ bytes: 1, includesHeader: true, maxLength: 1000 }).encode())),
      EFRAMELIMIT,
      'write',
    );
    expect(bytesFrom(lengthPrefixed({ bytes: 1, includesHeader: true, maxLength: 1000 }), [long.slice(2)])[0]?.[0]).toBe(255);
  });

  it('counts the header of a varint that grows by it', () => {
    const codec = lengthPrefixed({ bytes: 'varint', includesHeader: true, maxLength: 20_000 });
    for (const length of [125, 126, 127, 128, 16381, 16382, 16383]) {
      const message = 'x'.repeat(length);
      expect(decoded(codec, bytesFrom(codec, [message])).values).toStrictEqual([message]);
    }
  });

  it('takes a varint with needless zeros, and refuses one without an end', () => {
    const codec = lengthPrefixed({ bytes: 'varint', maxLength: 9 });
    expect(decoded(codec, [hex('818000'), 'a']).values).toStrictEqual(['a']);
    assertFails(decoded(codec, [hex('80 80 80 80 80 80 80 80 80 80 80')]), EPROTOCOL, 'read', []);
    assertFails(decoded(codec, [hex('ff ff ff ff ff ff ff ff ff 7f')]), EFRAMELIMIT, 'read', []);
  });

  it('refuses wrong options at the call', () => {
    const make = (options: unknown) => () => lengthPrefixed(options as LengthPrefixedOptions);
    expect(make({ bytes: 2 })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/expected `maxLength`/) }),
    );
    expect(make({ maxLength: 9, bytes: 3 })).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        message: expect.stringMatching(/expected `bytes` to be one of 1, 2, 4, "varint", got 3/),
      }),
    );
    expect(make({ maxLength: 9, endian: 'LE' })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/expected `endian`/) }),
    );
    expect(make({ maxLength: 9, includesHeader: 1 })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/expected `includesHeader`/) }),
    );
  });
});
