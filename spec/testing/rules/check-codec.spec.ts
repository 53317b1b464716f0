import { asyncScheduler, map, mergeMap, observeOn, of, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { brokenCodecs, messages } from '../broken-codecs.ts';
import { lines } from '../../../src/codecs/lines.ts';
import { ndjson } from '../../../src/codecs/ndjson.ts';
import { checkCodec } from '../../../src/testing/rules/check-codec.ts';
import { spec } from '../../support/spec.ts';

const tooLong = 'y'.repeat(22);

describe('checkCodec', () => {
  it('reports wrong values of any kind', async () => {
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    for (const [value, words] of [
      [1n, '1'],
      [undefined, 'undefined'],
      [cyclic, ''],
      [Object.create(null), '{}'],
      [Symbol('s'), 'Symbol(s)'],
    ] as const) {
      const { decode, encode } = lines({ maxLength: 9 });
      const wrong = {
        encode,
        decode: () => (bytes$: Observable<Uint8Array>) =>
          bytes$.pipe(
            decode(),
            mergeMap(() => of(value)),
          ),
      };
      const report = await checkCodec<unknown, string>(wrong, ['a'], { rules: [1], timeout: 50 });
      expect(report.results[0]?.problem).toBe(`expected "a", got ${words}`);
    }
  });

  spec('reports no problem for a codec that keeps the rules, and counts its cases', async () => {
    const report = await checkCodec(lines({ maxLength: 20 }), messages, { tooLong });
    expect(report.assert().results.map(({ name }) => name)).toStrictEqual([
      'rule 1 round trip',
      'rule 2 cuts',
      'rule 3 end',
      'rule 4 error',
      'rule 5 unsubscribe',
      'rule 6 state',
      'rule 7 named errors',
      'rule 8 ownership',
      'rule 9 synchronous bytes',
      'rule 10 limit',
    ]);
    expect(report.cases > 1000, `${report.cases}`).toBe(true);
  });

  it('checks a limit of 300,000 bytes, also byte by byte', async () => {
    const long = new Uint8Array(300_001).fill(0x79);
    (await checkCodec(lines({ maxLength: 300_000 }), ['one'], { rules: [10], tooLong: long })).assert();
  });

  it('compares messages that are objects by content', async () => {
    (await checkCodec(ndjson({ maxLength: 60 }), [{ a: [1, null], b: 'x' }, [], 7, 'é'])).assert();
  });

  it('waits for an asynchronous codec', async () => {
    const codec = lines({ maxLength: 20 });
    const late = {
      decode: () => (byte$: Parameters<ReturnType<typeof codec.decode>>[0]) => byte$.pipe(codec.decode(), observeOn(asyncScheduler)),
      encode: () => codec.encode(),
    };
    (await checkCodec(late, ['ab'], { rules: [1, 2, 4, 6], random: 1 })).assert();
  });

  for (const [wrong, [rule, codec]] of Object.entries(brokenCodecs)) {
    it(`rule ${rule}: finds a codec that ${wrong}`, async () => {
      const report = await checkCodec(codec, messages, { rules: [rule], tooLong, timeout: 50 });
      expect(() => report.assert()).toThrow(new RegExp(`^the codec breaks 1 of 1 rules:\n  rule ${rule} [^]*shortest input: `));
      expect(String(report)).not.toMatch(/not checked/);
    });
  }

  it('has a broken codec for each rule', () => {
    const rules = new Set(Object.values(brokenCodecs).map(([rule]) => rule));
    expect([...rules].sort((a, b) => a - b)).toStrictEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  const found = async (wrong: string, rule: number): Promise<string> => {
    const [, codec] = brokenCodecs[wrong] ?? expect.unreachable();
    return String(await checkCodec(codec, messages, { rules: [rule], tooLong, timeout: 50 }));
  };

  it('reports the shortest input that breaks a rule, and the rule', async () => {
    expect(await found('treats each chunk as a message', 2)).toMatch(
      /expected "de", got "d", "e".*\n.*\n {4}shortest input: <64> <65 0a>$/,
    );
    expect(await found('fails at two cuts in one frame', 2)).toMatch(/shortest input: <64> <65> <0a>$/);
    expect(await found('completes inside a frame', 3)).toMatch(
      /expected an error after no messages, got none.*\n.*\n {4}shortest input: <64> \(then the end\)$/,
    );
    expect(await found('throws an error without a code', 7)).toMatch(
      /got RangeError: odd\n.*\n {4}shortest input: <.. 0a> \(then the end\)$/,
    );
  });

  it('compares encoded bytes with `frames`', async () => {
    const report = await checkCodec(lines({ maxLength: 20 }), ['a', 'b'], { frames: ['a\n', 'b\r\n'], rules: [1, 2] });
    expect(String(report)).toMatch(/rule 1 round trip: expected message 1 to become <62 0d 0a>, got <62 0a>/);
    expect(String(report)).toMatch(/rule 2 cuts: not checked: there is no round trip/);
  });

  it('compares decoded values with `values`', async () => {
    const upper = {
      decode: () => (byte$: Parameters<ReturnType<ReturnType<typeof lines>['decode']>>[0]) =>
        byte$.pipe(
          lines({ maxLength: 9 }).decode(),
          map((line) => line.toUpperCase()),
        ),
      encode: () => lines({ maxLength: 9 }).encode(),
    };
    (await checkCodec(upper, ['a', 'b'], { values: ['A', 'B'] })).assert();
  });

  it('throws a TypeError for unknown rules and without messages', async () => {
    for (const rules of [[99], [10], [1, 2.5]])
      await expect(checkCodec(lines({ maxLength: 9 }), ['a'], { rules })).rejects.toThrow(
        expect.objectContaining({
          name: 'TypeError',
          message: expect.stringMatching(
            /expected each of `rules` of checkCodec without `tooLong` to be one of 1, 2, .*, got (99|10|2.5)$/,
          ),
        }),
      );
    await expect(checkCodec(lines({ maxLength: 9 }), [])).rejects.toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/expected `messages`/) }),
    );
  });
});
