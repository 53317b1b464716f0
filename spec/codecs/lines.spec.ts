import fc from 'fast-check';
import { from, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { lines, type LinesOptions } from '../../src/codecs/lines.ts';
import { EFRAMELIMIT, EPROTOCOL } from '../../src/errors.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { assertFails, bytesFrom, bytesOf, decoded, keepsTheContract, outcome, shown } from './codec-contract.ts';

const codec = lines({ maxLength: 20 });
const huge = 'x'.repeat(2 ** 19);

describe('lines', () => {
  keepsTheContract({
    codec,
    messages: ['one', '', 'zwölf 🌊 two', '\rx\ry', 'x'.repeat(20)],
    frames: ['one\n', '\n', 'zwölf 🌊 two\n', '\rx\ry\n', `${'x'.repeat(20)}\n`],
    tooLong: 'y'.repeat(22),
    huge: { codec: lines({ maxLength: huge.length }), message: huge },
  });

  describe('as bytes', () => {
    keepsTheContract({
      codec: lines({ maxLength: 20, bytes: true, delimiter: '\r\n' }),
      messages: ['one', '', '\r', Uint8Array.of(0xff, 0, 0xfe)],
      frames: ['one\r\n', '\r\n', '\r\r\n', Uint8Array.of(0xff, 0, 0xfe, 13, 10)],
      values: ['one', '', '\r', '\xff\0\xfe'],
      tooLong: 'y'.repeat(22),
      huge: { codec: lines({ maxLength: huge.length, bytes: true }), message: huge },
    });
  });

  it('removes one \\r at the end of a line, and no other', () => {
    for (const { name, chunks } of rechunk('a\r\n\r\n\r\r\nb\rc\n', { empty: true }))
      expect(decoded(codec, chunks), name).toStrictEqual({ values: ['a', '', '\r', 'b\rc'], end: 'complete' });
  });

  it('counts the bytes of a line without its end', () => {
    const limited = (text: string, maxLength: number): ReturnType<typeof decoded>[] =>
      [...rechunk(text, { empty: true })].map(({ chunks }) => decoded(lines({ maxLength }), chunks));
    for (const result of limited('éé\r\n1234\n', 4)) expect(result).toStrictEqual({ values: ['éé', '1234'], end: 'complete' });
    for (const result of limited('1\n23\n\n12345\n1\n', 4)) assertFails(result, EFRAMELIMIT, 'read', ['1', '23', '']);
    for (const result of limited('1\r\n12345\r\n1\n', 4)) assertFails(result, EFRAMELIMIT, 'read', ['1']);
    for (const result of limited('12345', 4)) assertFails(result, EFRAMELIMIT, 'read', []);
    for (const result of limited('1234\rx', 4)) assertFails(result, EFRAMELIMIT, 'read', []);
    for (const result of limited('1234\r', 4)) assertFails(result, EPROTOCOL, 'read', []);
  });

  it('reports the limit and the length of the line that exceeds it', () => {
    expect(String(decoded(codec, [`${'x'.repeat(30)}\n`]).error)).toMatch(/more than maxLength = 20 bytes \(length: 30\)/);
    expect(String(decoded(codec, ['x'.repeat(30)]).error)).toMatch(/more than maxLength = 20 bytes \(length: 30 or more\)/);
  });

  it('decodes the same lines as a simple split, at every limit', () => {
    const text = fc.array(fc.constantFrom('\n', '\r\n', '\r', 'a', 'bcd', 'é'), { maxLength: 60 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 60 }), (given, maxLength, at) => {
        const all = given
          .split('\n')
          .slice(0, -1)
          .map((line) => line.replace(/\r$/, ''));
        const wrong = all.findIndex((line) => Buffer.byteLength(line) > maxLength);
        const bytes = bytesOf(given);
        const { values } = decoded(lines({ maxLength }), [bytes.subarray(0, at), bytes.subarray(at)]);
        expect(values).toStrictEqual(wrong < 0 ? all : all.slice(0, wrong));
      }),
    );
  });

  it("emits an unterminated last line with `unterminated: 'emit'`", () => {
    const kind = (bytes: boolean) =>
      bytes ? lines({ maxLength: 4, bytes, unterminated: 'emit' }) : lines({ maxLength: 4, unterminated: 'emit' });
    for (const bytes of [false, true])
      for (const { chunks } of rechunk('a\nb\r'))
        expect(decoded(kind(bytes), chunks)).toStrictEqual({ values: ['a', 'b'], end: 'complete' });
    expect(decoded(kind(false), ['a\n'])).toStrictEqual({ values: ['a'], end: 'complete' });
    expect(decoded(kind(false), [])).toStrictEqual({ values: [], end: 'complete' });
    assertFails(decoded(kind(false), ['12345']), EFRAMELIMIT, 'read', []);
  });

  it('keeps a byte order mark', () => {
    for (const { chunks } of rechunk('\uFEFFa\n\uFEFFb\n')) expect(decoded(codec, chunks).values).toStrictEqual(['\uFEFFa', '\uFEFFb']);
  });

  it('replaces invalid UTF-8 separately in each line', () => {
    const wrong = Buffer.from('a\xe2\x82\nb\xff\xfe\r\n', 'latin1');
    for (const { name, chunks } of rechunk(wrong)) expect(decoded(codec, chunks).values, name).toStrictEqual(['a\uFFFD', 'b\uFFFD\uFFFD']);
  });

  it('rejects invalid UTF-8 with `fatal`, after all lines before it', () => {
    const wrong = Buffer.from('a\r\n\xc3\xa9\nb\xff\nc\n', 'latin1');
    for (const { chunks } of rechunk(wrong))
      assertFails(decoded(lines({ maxLength: 20, fatal: true }), chunks), EPROTOCOL, 'read', ['a', 'é']);
  });

  it('rejects messages that it would not decode to the same messages', () => {
    assertFails(outcome(of('a', 'b\nc').pipe(codec.encode())), EPROTOCOL, 'write', ['a\n']);
    assertFails(outcome(of('a\r').pipe(codec.encode())), EPROTOCOL, 'write', []);
    assertFails(outcome(of('é'.repeat(11)).pipe(codec.encode())), EFRAMELIMIT, 'write', []);
    assertFails(outcome(from([7] as never[]).pipe(codec.encode())), EPROTOCOL, 'write', []);
    expect(bytesFrom(lines({ maxLength: 9, delimiter: '\r\n' }), ['a\r']).map(shown)).toStrictEqual(['a\r\r\n']);
  });

  it('throws a TypeError for wrong options at the call', () => {
    const wrong = [undefined, {}, { maxLength: 0 }, { maxLength: Infinity }, { maxLength: '9' }].map(
      (each) => [each, /expected `maxLength`/] as const,
    );
    const others = { bytes: 1, delimiter: ';', unterminated: true, fatal: 'yes' };
    const named = Object.entries(others).map(
      ([name, value]) => [{ maxLength: 9, [name]: value }, new RegExp(`expected \`${name}\``)] as const,
    );
    for (const [options, message] of [...wrong, ...named])
      expect(() => lines(options as LinesOptions & { bytes: true })).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(message) }),
      );
  });
});
