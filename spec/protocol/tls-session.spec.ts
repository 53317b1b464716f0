import { describe, expect, it } from 'vitest';
import { certificateInSession } from '../../src/protocol/tls-session.ts';

/** A DER element; its length in as few bytes as it takes. */
function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(contents);
  const length = content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const certificate = Buffer.alloc(700, 'certificate');
const head = [
  der(2, Buffer.of(1)),
  der(2, Buffer.from('0303', 'hex')),
  der(4, Buffer.from('1301', 'hex')),
  der(4),
  der(4, Buffer.alloc(48)),
];
const session = der(0x30, ...head, der(0xa1, der(2, Buffer.of(5))), der(0xa3, certificate), der(0xaa, Buffer.alloc(200)));

describe('certificateInSession', () => {
  it('finds the certificate by its tag', () => {
    expect(Buffer.from(certificateInSession(session) ?? [])).toStrictEqual(certificate);
  });

  it('finds the certificate behind the name that Node writes first', () => {
    const name = Buffer.alloc(300, 'name');
    const wrapped = Buffer.concat([Buffer.from('\0nodejs:tls:session:1\0'), Buffer.of(300 >> 8, 300 & 0xff), name, session]);
    expect(Buffer.from(certificateInSession(wrapped) ?? [])).toStrictEqual(certificate);
    for (let length = 0; length < wrapped.length; length += 1) expect(certificateInSession(wrapped.subarray(0, length))).toBe(undefined);
  });

  it('finds none where there is none', () => {
    expect(certificateInSession(der(0x30, ...head))).toBe(undefined);
    expect(certificateInSession(der(0x31, der(0xa3, certificate)))).toBe(undefined);
    expect(certificateInSession(Buffer.alloc(0))).toBe(undefined);
  });

  it('finds none in a session that was cut anywhere', () => {
    for (let length = 0; length < session.length; length += 1) expect(certificateInSession(session.subarray(0, length))).toBe(undefined);
  });

  it('ends on lengths that are longer than the bytes', () => {
    for (const hex of ['3084ffffffff', '30ff', '3080', '300aa384ffffffff00000000', '30020000'])
      expect(certificateInSession(Buffer.from(hex, 'hex')), hex).toBe(undefined);
  });
});
