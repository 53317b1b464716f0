import { describe, expect, it } from 'vitest';
import type { IOStreamError } from '../../src/errors.ts';
import {
  decodeCode,
  decodeFrame,
  describeFrame,
  encodeCode,
  encodeFrame,
  FRAME_TYPES,
  HEADER_BYTES,
} from '../../src/protocol/message-frame.ts';
import { randomOf } from '../../src/testing/random-of.ts';
import { hex } from '../../src/util/hex.ts';

const frame = { type: 'DATA', from: 0x01020304, to: 0x05060708, window: 0x40000, position: 2 ** 40 + 1, read: 2 ** 32 } as const;

function problemOf(message: Uint8Array): string {
  try {
    decodeFrame(message);
    return 'none';
  } catch (error) {
    return `${(error as IOStreamError).code} ${(error as Error).message}`;
  }
}

/** A frame with some bytes replaced. */
function withBytes(at: number, bytes: readonly number[], payload = 3): Uint8Array {
  const message = encodeFrame(frame, payload);
  message.set(bytes, at);
  return message;
}

describe('a message frame', () => {
  it('has this form', () => {
    const message = encodeFrame(frame, 2);
    message.set([0xaa, 0xbb], HEADER_BYTES);
    expect(Buffer.from(message).toString('hex')).toBe(
      ['01', '02', '0000', '01020304', '05060708', '00040000', '0000010000000001', '0000000100000000', 'aabb'].join(''),
    );
  });

  it.each(FRAME_TYPES)('returns the fields of %s as encoded', (type) => {
    const payload = type === 'DATA' ? 5 : 0;
    expect(decodeFrame(encodeFrame({ ...frame, type }, payload))).toEqual({ ...frame, type, payload: new Uint8Array(payload) });
  });

  it('is named by its type, position and length', () => {
    expect(describeFrame({ ...frame, payload: new Uint8Array(3) })).toBe('DATA at position 1099511627777 with 3 bytes');
    expect(describeFrame({ ...frame, type: 'END', payload: new Uint8Array() })).toBe('END at position 1099511627777');
  });

  it.each([
    [new Uint8Array(), 'a message of 0 bytes, fewer than the 32 bytes of the header'],
    [withBytes(0, [9]), 'a message with version 9, expected 1'],
    [withBytes(1, [5]), 'a message with the unknown type 5'],
    [withBytes(4, [0, 0, 0, 0]), 'DATA at position 1099511627777 with 3 bytes from id 0'],
    [withBytes(12, [0, 0, 0, 0]), 'DATA at position 1099511627777 with 3 bytes with a window of 0'],
    [
      withBytes(16, [0, 0x1f, 255, 255, 255, 255, 255, 255]),
      'DATA at position 9007199254740991 with 3 bytes over the last position, 2^53 - 1',
    ],
    [withBytes(24, [1]), 'DATA at position 1099511627777 with 3 bytes over the last position, 2^53 - 1'],
    [withBytes(0, [], 0), 'DATA at position 1099511627777 without bytes'],
    [withBytes(1, [3]), 'END at position 1099511627777 with 3 bytes, which has no payload'],
    [withBytes(1, [4], 33), 'RESET at position 1099511627777 with 33 bytes, more than the 32 bytes of a code'],
  ] as const)('is EPROTOCOL if it is malformed: case %#', (message, problem) => {
    expect(problemOf(message)).toBe(`EPROTOCOL the peer sent ${problem} [EPROTOCOL]`);
  });

  it('parses any bytes, or reports EPROTOCOL', () => {
    const random = randomOf(1);
    for (let n = 0; n < 20_000; n += 1) {
      const message = Uint8Array.from({ length: 28 + Math.floor(random() * 40) }, () => random() * 256);
      if (n % 2 === 0) message.set([1, random() * 6]);
      const problem = problemOf(message);
      if (problem !== 'none' && !problem.startsWith('EPROTOCOL')) throw new Error(`${problem} for ${hex(message)}`);
    }
  });
});

describe('the code in a RESET', () => {
  it('is kept', () => {
    expect(decodeCode(encodeCode('EGAP'))).toBe('EGAP');
  });

  it.each(['', 'not a code', '\u001b[31m', 'e'])('is none if the peer sends %j', (text) => {
    expect(decodeCode(encodeCode(text))).toBeUndefined();
  });
});
