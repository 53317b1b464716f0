import { from } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { lengthPrefixed } from '../../src/codecs/length-prefixed.ts';
import { mapCodec } from '../../src/codecs/map-codec.ts';
import { ECLOSED, EPROTOCOL, IOStreamError } from '../../src/errors.ts';
import { assertFails, decoded, keepsTheContract, outcome } from './codec-contract.ts';

interface Point {
  readonly x: number;
  readonly y: number;
}

const two = {
  decode: (frame: Uint8Array): Point => ({ x: frame[0] ?? 0, y: frame[1] ?? 0 }),
  encode: ({ x, y }: Point) => Uint8Array.of(x, y),
};
const padded = {
  decode: (frame: Uint8Array): Point => two.decode(frame),
  encode: ({ x, y }: Point) => new Uint8Array(2 ** 19).fill(x, 0, 1).fill(y, 1, 2),
};

describe('mapCodec', () => {
  keepsTheContract({
    codec: mapCodec(lengthPrefixed({ bytes: 1, maxLength: 2 }), two),
    messages: [
      { x: 1, y: 2 },
      { x: 0, y: 255 },
    ],
    frames: [Uint8Array.of(2, 1, 2), Uint8Array.of(2, 0, 255)],
    tooLong: Uint8Array.of(3),
    huge: { codec: mapCodec(lengthPrefixed({ maxLength: 2 ** 19 }), padded), message: { x: 1, y: 2 } },
  });

  const why = new Error('the password is secret');
  const boom = (): never => {
    throw why;
  };

  it('reports throws of decode and encode as EPROTOCOL, and quotes them only in the cause', () => {
    const codec = mapCodec(lengthPrefixed({ bytes: 1, maxLength: 2 }), { decode: boom, encode: boom });
    for (const [result, phase] of [
      [decoded(codec, [Uint8Array.of(0)]), 'read'],
      [outcome(from([1] as never[]).pipe(codec.encode())), 'write'],
    ] as const) {
      assertFails(result, EPROTOCOL, phase, []);
      const error = result.error as IOStreamError;
      expect(error.cause).toBe(why);
      expect(error.message).not.toMatch(/secret/);
    }
  });

  it('emits a thrown IOStreamError unchanged', () => {
    const own = new IOStreamError(ECLOSED, { phase: 'close' });
    const codec = mapCodec(lengthPrefixed({ maxLength: 2 }), {
      decode: () => {
        throw own;
      },
      encode: () => '',
    });
    expect(decoded(codec, [new Uint8Array(4)]).error).toBe(own);
  });

  it('throws a TypeError for options that are not functions', () => {
    const wrong = { decode: 1, encode: two.encode } as unknown as typeof two;
    expect(() => mapCodec(lengthPrefixed({ maxLength: 2 }), wrong)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/`decode` and `encode`/) }),
    );
  });
});
