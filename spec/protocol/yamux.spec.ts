import { describe, expect, it } from 'vitest';
import { decodeFrame, describeFrame, encodeFrame, FLAG, FRAME, frameProblem } from '../../src/protocol/yamux.ts';

describe('encodeFrame', () => {
  it('writes all fields in network order', () => {
    expect([...encodeFrame(FRAME.WINDOW, FLAG.SYN, 0x01020304, 0xfffefdfc)]).toStrictEqual([0, 1, 0, 1, 1, 2, 3, 4, 255, 254, 253, 252]);
  });
});

describe('decodeFrame', () => {
  it('reads the header at a position', () => {
    const bytes = new Uint8Array(20);
    bytes.set(encodeFrame(FRAME.DATA, FLAG.FIN | FLAG.RST, 2 ** 32 - 1, 2 ** 31), 5);
    expect(decodeFrame(bytes, 5)).toStrictEqual({ version: 0, type: 0, flags: 12, stream: 2 ** 32 - 1, length: 2 ** 31 });
  });
});

describe('describeFrame', () => {
  it('names the type, and prints all fields', () => {
    expect(describeFrame({ version: 0, type: 1, flags: 3, stream: 5, length: 7 })).toBe(
      'a window update frame (version 0, type 1, flags 0x3, stream 5, length 7)',
    );
    expect(describeFrame({ version: 1, type: 1, flags: 0, stream: 5, length: 7 })).toBe(
      'a frame (version 1, type 1, flags 0x0, stream 5, length 7)',
    );
  });
});

describe('frameProblem', () => {
  it.each([
    [FRAME.DATA, 0, 1],
    [FRAME.DATA, FLAG.SYN | FLAG.FIN, 1],
    [FRAME.WINDOW, FLAG.ACK | FLAG.RST, 1],
    [FRAME.PING, FLAG.SYN, 0],
    [FRAME.PING, FLAG.ACK, 0],
    [FRAME.GO_AWAY, 0, 0],
  ])('accepts type %i with flags %i of stream %i', (type, flags, stream) => {
    expect(frameProblem({ version: 0, type, flags, stream, length: 0 })).toBeUndefined();
  });

  it.each([
    [1, 0, 0, 1, 'of an unknown version: the peer does not speak yamux'],
    [0, 4, 0, 1, 'of an unknown type'],
    [0, 0, 16, 1, 'with unknown flags'],
    [0, 0, 0, 0, 'without the id of a stream'],
    [0, 1, 3, 1, 'with both SYN and ACK'],
    [0, 2, 1, 1, 'with the id of a stream'],
    [0, 2, 0, 0, 'with other flags than SYN or ACK'],
    [0, 3, 1, 0, 'with flags'],
  ])('rejects version %i, type %i, flags %i, stream %i', (version, type, flags, stream, problem) => {
    expect(frameProblem({ version, type, flags, stream, length: 0 })).toBe(problem);
  });
});
