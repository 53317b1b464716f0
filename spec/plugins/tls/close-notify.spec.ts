import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { isCloseNotify } from '../../../src/plugins/tls/close-notify.ts';

const socketWith = (handle: unknown): Socket => ({ _handle: handle }) as unknown as Socket;
const answering = (answer: unknown, stopped: string[] = []): Socket =>
  socketWith({ reading: true, readStart: () => answer, readStop: () => stopped.push('stop') });

/** EALREADY of libuv on Linux. */
const EALREADY = -114;

describe.runIf(process.platform === 'linux')('isCloseNotify', () => {
  it('accepts only the answer that the socket is still being read', () => {
    expect(isCloseNotify(answering(EALREADY), false)).toBe(true);
  });

  it('takes every other answer for a FIN', () => {
    for (const answer of [0, -107, -9, -1, 1, 114, NaN, undefined, null, '-114'])
      expect(isCloseNotify(answering(answer), false), String(answer)).toBe(false);
    for (const handle of [null, undefined, {}, { readStart: 1 }]) expect(isCloseNotify(socketWith(handle), false)).toBe(false);
  });

  it('stops the reading that its question has started', () => {
    const stopped: string[] = [];
    isCloseNotify(answering(0, stopped), false);
    expect(stopped).toStrictEqual(['stop']);
  });

  it('accepts an end while the socket is not being read, but only if that is so', () => {
    expect(isCloseNotify(socketWith({ reading: false }), true)).toBe(true);
    expect(isCloseNotify(answering(0), true)).toBe(false);
    expect(isCloseNotify(socketWith({ reading: false, readStart: () => 0 }), false)).toBe(false);
  });
});
