import { describe, expect, it } from 'vitest';
import { parseIp } from '../../src/protocol/ip-address.ts';
import { encodeTcpHeaders, MAX_SEGMENT, TCP, type TcpSegment } from '../../src/protocol/tcp-packet.ts';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').replace(/.{4}/g, '$& ').trimEnd();
const end = (address: string, port: number): TcpSegment['from'] => ({ address: parseIp(address) ?? new Uint8Array(4), port });

/** A segment across the end of the sequence numbers. */
const segment: TcpSegment = {
  from: end('192.0.2.1', 49_153),
  to: end('192.0.2.2', 80),
  sequence: 0xfffffffe,
  acknowledgment: 0x01020304,
  flags: TCP.PSH | TCP.ACK,
  window: 0xffff,
  payload: Buffer.from('abc'),
};

/** Computes a checksum in another way: with big integers, over all bytes at once. */
function checksum(...parts: readonly Uint8Array[]): string {
  const hex = Buffer.concat(parts).toString('hex');
  const padded = hex.padEnd(Math.ceil(hex.length / 4) * 4, '0');
  const sum = BigInt(`0x${padded}`) % 0xffffn;
  return (0xffffn - (sum === 0n ? 0xffffn : sum)).toString(16).padStart(4, '0');
}

describe('encodeTcpHeaders', () => {
  it('makes an IPv4 packet that must not be fragmented, with both checksums', () => {
    const headers = encodeTcpHeaders(segment);
    const ip = Buffer.from('4500 002b 0000 4000 4006 0000 c000 0201 c000 0202'.replaceAll(' ', ''), 'hex');
    const tcp = Buffer.from('c001 0050 ffff fffe 0102 0304 5018 ffff 0000 0000'.replaceAll(' ', ''), 'hex');
    const pseudo = Buffer.concat([ip.subarray(12), Buffer.of(0, 6, 0, 23)]);
    const expected = [hexOf(ip).replace('4006 0000', `4006 ${checksum(ip)}`)];
    expected.push(hexOf(tcp).replace('ffff 0000 0000', `ffff ${checksum(pseudo, tcp, segment.payload)} 0000`));
    expect(hexOf(headers)).toBe(expected.join(' '));
  });

  it('makes an IPv6 packet with the checksum over its pseudo header', () => {
    const headers = encodeTcpHeaders({ ...segment, from: end('2001:db8::1', 49_153), to: end('2001:db8::2', 80) });
    const ip = Buffer.from('600000000017064020010db800000000000000000000000120010db8000000000000000000000002', 'hex');
    const tcp = Buffer.from('c001 0050 ffff fffe 0102 0304 5018 ffff 0000 0000'.replaceAll(' ', ''), 'hex');
    const pseudo = Buffer.concat([ip.subarray(8), Buffer.of(0, 0, 0, 23, 0, 0, 0, 6)]);
    const sum = checksum(pseudo, tcp, segment.payload);
    expect(hexOf(headers)).toBe(`${hexOf(ip)} ${hexOf(tcp).replace('ffff 0000 0000', `ffff ${sum} 0000`)}`);
  });

  it('announces the size of segments and the scale of windows in a SYN', () => {
    const headers = encodeTcpHeaders({ ...segment, flags: TCP.SYN, acknowledgment: 0, payload: new Uint8Array() });
    expect(headers.length).toBe(48);
    expect(hexOf(headers.subarray(32, 34))).toBe('7002'); // 28 bytes of TCP, SYN
    expect(hexOf(headers.subarray(40))).toBe('0204 ffd7 0103 030e');
  });

  it.each([0, 1, 2, 3, 4, 5, MAX_SEGMENT])('has a valid checksum over %i bytes of payload', (size) => {
    const payload = new Uint8Array(size).fill(0xff);
    const headers = encodeTcpHeaders({ ...segment, payload });
    const pseudo = Buffer.concat([headers.subarray(12, 20), Buffer.from([0, 6, (size + 20) >> 8, (size + 20) & 255])]);
    expect(checksum(pseudo, headers.subarray(20), payload)).toMatch(/^(0000|ffff)$/);
    expect(Buffer.from(headers).readUInt16BE(2)).toBe(size + 40);
  });
});
