import fc from 'fast-check';
import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ndjson, type NdjsonOptions } from '../../src/codecs/ndjson.ts';
import { EFRAMELIMIT, EPROTOCOL, type IOStreamError } from '../../src/errors.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { assertFails, bytesFrom, decoded, keepsTheContract, outcome } from './codec-contract.ts';

const codec = ndjson({ maxLength: 30 });
const huge = 'x'.repeat(2 ** 19);

describe('ndjson', () => {
  keepsTheContract({
    codec,
    messages: [{ a: [1, null] }, 'two\n🌊', 0, false, null],
    frames: ['{"a":[1,null]}\n', '"two\\n🌊"\n', '0\n', 'false\n', 'null\n'],
    tooLong: `"${'y'.repeat(32)}`,
    huge: { codec: ndjson({ maxLength: huge.length + 2 }), message: huge },
  });

  it('decodes every JSON value that it encodes', () => {
    const wide = ndjson({ maxLength: 2 ** 20 });
    fc.assert(
      fc.property(fc.array(fc.json()), (texts) => {
        const values = texts.map((text) => JSON.parse(text) as unknown);
        expect(decoded(wide, bytesFrom(wide, values))).toStrictEqual({ values, end: 'complete' });
      }),
    );
  });

  it('skips empty and blank lines', () => {
    for (const { chunks } of rechunk('\n1\r\n\r\n \t\n2\n'))
      expect(decoded(codec, chunks)).toStrictEqual({ values: [1, 2], end: 'complete' });
  });

  it('rejects a line that is not JSON in UTF-8, and quotes it only in the cause', () => {
    const result = decoded(codec, ['1\n{"password": secret}\n2\n']);
    assertFails(result, EPROTOCOL, 'read', [1]);
    const error = result.error as IOStreamError;
    expect(error.cause).toBeInstanceOf(SyntaxError);
    expect(error.message).not.toMatch(/secret/);
    assertFails(decoded(codec, [Uint8Array.of(0x22, 0xff, 0x22, 10)]), EPROTOCOL, 'read', []);
  });

  it("emits an unterminated last line with `unterminated: 'emit'`", () => {
    assertFails(decoded(codec, ['1\n2']), EPROTOCOL, 'read', [1]);
    expect(decoded(ndjson({ maxLength: 9, unterminated: 'emit' }), ['1\n2'])).toStrictEqual({ values: [1, 2], end: 'complete' });
  });

  it('rejects a message without JSON text, and one over the limit', () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    for (const wrong of [undefined, () => 1, 1n, circle])
      assertFails(outcome(of(1, wrong).pipe(codec.encode())), EPROTOCOL, 'write', ['1\n']);
    assertFails(outcome(of('x'.repeat(29)).pipe(codec.encode())), EFRAMELIMIT, 'write', []);
  });

  it('throws a TypeError for wrong options at the call', () => {
    expect(() => ndjson(undefined as unknown as NdjsonOptions)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/expected `maxLength`/) }),
    );
    expect(() => ndjson({ maxLength: 9, unterminated: 'yes' as 'emit' })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/expected `unterminated`/) }),
    );
  });
});
