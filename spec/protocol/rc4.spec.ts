import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { rc4Cipher } from '../../src/protocol/rc4.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { rc4Oracle, type Rc4Question } from '../support/rc4-oracle.ts';
import { RC4_OFFSETS, RC4_VECTORS } from '../support/rc4-vectors.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'hex');
const keyStream = (key: Uint8Array, length: number): Uint8Array => rc4Cipher(key)(new Uint8Array(length));

/** Bytes that look random and are the same in each run. */
function noise(length: number, seed: string): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, at) => createHash('sha256').update(`${seed} ${at}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

describe('rc4Cipher', () => {
  it('knows 14 keys at 18 offsets', () => {
    const keys = Object.entries(RC4_VECTORS);
    expect([keys.length, RC4_OFFSETS.length]).toEqual([14, 18]);
    for (const [key, rows] of keys) {
      const stream = keyStream(bytesOf(key), 4112);
      expect(
        RC4_OFFSETS.map((offset) => hex(stream.subarray(offset, offset + 16))),
        key,
      ).toEqual(rows);
    }
  });

  it('returns the same as OpenSSL, for keys of every length from 1 to 256 bytes, however the bytes are cut', () => {
    const questions = Array.from({ length: 1024 }, (_, at): Rc4Question => {
      const seed = `case ${at}`;
      return { key: noise((at % 256) + 1, `${seed} key`), bytes: noise(8192, seed) };
    });
    const answers = rc4Oracle(questions);
    questions.forEach(({ key, bytes }, at) => {
      const mix = rc4Cipher(key);
      const sizes = noise(4096, `case ${at} cuts`);
      const pieces: Uint8Array[] = [];
      for (let from = 0, cut = 0; from < bytes.length; cut += 2) {
        const size = (sizes.readUInt16LE(cut % 4096) % 1500) * (cut % 3);
        pieces.push(mix(bytes.subarray(from, from + size)));
        from += size;
      }
      expect(Buffer.concat(pieces).equals(answers[at]!), `case ${at}, a key of ${key.length} bytes`).toBe(true);
    });
  });

  it('goes on from call to call, at every cut and with empty chunks between', () => {
    const text = Buffer.from('the same whatever the cut');
    const key = Buffer.from('key');
    const whole = hex(rc4Cipher(key)(text));
    for (const { name, chunks } of rechunk(text, { empty: true, random: 200 })) {
      const mix = rc4Cipher(key);
      expect(chunks.map((chunk) => hex(mix(chunk))).join(''), name).toBe(whole);
    }
  });

  it('keeps ciphers apart that are used in turns', () => {
    const keys = ['01', '02', '03'].map(bytesOf);
    const ciphers = keys.map(rc4Cipher);
    const mixed = keys.map(() => [] as string[]);
    for (let turn = 0; turn < 50; turn += 1) ciphers.forEach((mix, at) => mixed[at]?.push(hex(mix(new Uint8Array(turn % 7)))));
    expect(mixed.map((pieces) => pieces.join(''))).toEqual(keys.map((key) => hex(keyStream(key, 147))));
  });

  it('gives the plain bytes back when it is laid over itself', () => {
    const key = Buffer.from('key');
    const plain = noise(5000, 'plain');
    expect(hex(rc4Cipher(key)(rc4Cipher(key)(plain)))).toBe(hex(plain));
  });

  it('changes neither the bytes nor the key it is given', () => {
    const key = Uint8Array.of(1, 2, 3);
    const bytes = Uint8Array.of(4, 5, 6);
    const mixed = rc4Cipher(key)(bytes);
    expect([[...key], [...bytes]]).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(mixed.buffer).not.toBe(bytes.buffer);
  });
});
