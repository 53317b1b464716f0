import { delay, EMPTY, map, mergeMap, Observable, take, tap } from 'rxjs';
import { describe, expect } from 'vitest';
import type { Codec } from '../../../src/codecs/codec.ts';
import { framed } from '../../../src/codecs/framed/framed.ts';
import { lines } from '../../../src/codecs/lines.ts';
import { EFRAMELIMIT, EOUTBUFLIMIT, EPROTOCOL } from '../../../src/errors.ts';
import { spec } from '../../support/spec.ts';
import { closedReport, streamPair } from '../../stream/tools.ts';

const codec = lines({ maxLength: 64 });

describe('write of framed messages', () => {
  spec('throws the error of a message that cannot be encoded, writes nothing of it, and encodes the next one', async (h) => {
    const [a, b] = streamPair(h);
    const { write } = framed(a, codec);
    const errors = h.observed(a.errors$);
    const seen = h.observed(framed(b, codec).messages$);
    expect(write('one')).toBe(true);
    for (const [message, code] of [
      ['x'.repeat(65), EFRAMELIMIT],
      ['t\nwo', EPROTOCOL],
      [Symbol('two'), EPROTOCOL],
    ] as const)
      h.error(
        caught(() => write(message as never)),
        { code, phase: 'write', fatal: false },
      );
    expect(write('three')).toBe(true);
    a.end();
    expect((await seen.ended).values).toStrictEqual(['one', 'three']);
    expect((await errors.ended).values).toStrictEqual([]);
  });

  spec('throws the error of an own codec unchanged, or as the cause of EPROTOCOL', (h) => {
    const [a] = streamPair(h);
    const why = new Error('why');
    const boom = (): never => {
      throw why;
    };
    const encode: Codec<string>['encode'] = () => map(boom);
    const error = caught(() => framed<string>(a, { decode: codec.decode, encode }).write('one'));
    h.error(error, { code: EPROTOCOL, phase: 'write', fatal: false });
    expect((error as Error).cause).toBe(why);
    expect(caught(() => framed<string>(a, { decode: codec.decode, encode: boom }).write('one'))).toBe(why);
    expect(a.state).toBe('opening');
  });

  spec('returns false once the stream is closed, and encodes nothing', async (h) => {
    const [a, b] = streamPair(h);
    b.errors$.subscribe(); // It is reset.
    const { write } = framed(a, codec);
    a.close();
    expect(write('t\nwo')).toBe(false);
    await closedReport(a);
  });

  spec('writes a message as a whole or not at all, however many chunks its encoder emits', async (h) => {
    const inPieces: Codec<string> = {
      decode: codec.decode,
      encode: () => (message$) => message$.pipe(mergeMap((message) => `${message}\n`.split('').map((each) => Buffer.from(each)))),
    };
    const [a, b] = streamPair(h, { outBufLimit: 4, isFatal: () => false });
    const errors = h.observed(a.errors$);
    const { write } = framed(a, inPieces);
    const seen = h.observed(framed(b, codec).messages$);
    expect([write('on'), write('two'), write('no')]).toStrictEqual([true, false, false]);
    await seen.value((line) => line === 'two');
    h.error(await errors.value(), { code: EOUTBUFLIMIT });
    await h.until(() => a.output.pending === 0);
    expect(write('th')).toBe(true);
    a.end();
    expect((await seen.ended).values).toStrictEqual(['on', 'two', 'th']);
  });

  spec('throws each time an encoder completes, and returns false if the encoder closes the stream', async (h) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(framed(b, codec).messages$);
    await h.until(() => a.state === 'open');
    const first = framed(a, { decode: codec.decode, encode: () => (message$) => message$.pipe(take(2), codec.encode()) });
    expect(first.write('one')).toBe(true);
    h.error(
      caught(() => first.write('two')),
      { code: EPROTOCOL, phase: 'write', fatal: false },
    );
    const never = framed<string>(a, { decode: codec.decode, encode: () => () => EMPTY });
    for (let each = 1; each <= 2; each += 1)
      h.error(
        caught(() => never.write('one')),
        { code: EPROTOCOL, phase: 'write' },
      );
    const closes = framed<string>(a, {
      decode: codec.decode,
      encode: () => (message$) =>
        message$.pipe(
          tap(() => a.close()),
          codec.encode(),
        ),
    });
    expect(closes.write('one')).toBe(false);
    expect((await seen.ended).values).toStrictEqual(['one']);
  });

  spec('closes the stream with the error of an encoder that errors after write has returned', async (h) => {
    const [a, b] = streamPair(h);
    b.errors$.subscribe(); // It is reset.
    const errors = h.observed(a.errors$);
    const late: Codec<string>['encode'] = () => (message$) => message$.pipe(delay(1), codec.encode());
    expect(framed<string>(a, { decode: codec.decode, encode: late }).write('t\nwo')).toBe(true);
    h.error(await errors.value(), { code: EPROTOCOL, phase: 'write' });
    expect((await closedReport(a)).by).toBe('error');
  });

  spec('writes bytes that are encoded after write has returned', async (h) => {
    const late: Codec<string> = { decode: codec.decode, encode: () => (message$) => message$.pipe(delay(1), codec.encode()) };
    const [a, b] = streamPair(h);
    const { write } = framed(a, late);
    const seen = h.observed(framed(b, codec).messages$);
    expect(write('one')).toBe(true);
    expect(await seen.value()).toBe('one');
  });

  spec('keeps the state of the encoder as long as the connection', async (h) => {
    const counting: Codec<string> = {
      decode: codec.decode,
      encode: () => (message$) => message$.pipe(numbered(), codec.encode()),
    };
    const [a, b] = streamPair(h);
    const { write } = framed(a, counting);
    const seen = h.observed(framed(b, codec).messages$);
    for (const each of ['a', 'b']) write(each);
    a.end();
    expect((await seen.ended).values).toStrictEqual(['1 a', '2 b']);
  });
});

/** Returns what a call throws. */
function caught(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return expect.unreachable('expected a throw');
}

function numbered() {
  return (message$: Observable<string>): Observable<string> =>
    new Observable((out) => {
      let count = 0;
      return message$.subscribe({
        next: (message) => out.next(`${(count += 1)} ${message}`),
        error: (error: unknown) => out.error(error),
        complete: () => out.complete(),
      });
    });
}
