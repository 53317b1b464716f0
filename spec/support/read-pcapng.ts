import { formatIp } from '../../src/protocol/ip-address.ts';

/** A block of a capture file. */
export interface Block {
  readonly type: number;
  readonly body: Buffer;
}

/** A packet of a capture file, with the fields that specs compare. */
export interface Packet {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** `'in'` or `'out'`. */
  readonly direction: string;
  readonly from: string;
  readonly to: string;
  /** Names such as `'PSH, ACK'`. */
  readonly flags: string;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly window: number;
  readonly payload: string;
  /** The size of the whole packet, as the block states it. */
  readonly length: number;
  readonly comment: string | undefined;
}

const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK'];

/** Reads the blocks of a file. Fails if a length is wrong, or if bytes remain. */
export function readBlocks(file: Uint8Array): Block[] {
  const bytes = Buffer.from(file);
  const blocks: Block[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32LE(at + 4);
    if (length % 4 !== 0 || length < 12) throw new Error(`block at ${at} has the length ${length}`);
    if (bytes.readUInt32LE(at + length - 4) !== length) throw new Error(`block at ${at} ends with another length`);
    blocks.push({ type: bytes.readUInt32LE(at), body: bytes.subarray(at + 8, at + length - 4) });
    at += length;
  }
  return blocks;
}

/** Reads the options of a block. */
export function readOptions(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length;) {
    const [code, length] = [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2)];
    if (code === 0) break;
    options.set(code, bytes.subarray(at + 4, at + 4 + length));
    at += 4 + ((length + 3) & ~3);
  }
  return options;
}

/** Reads the packets of a file. Fails if a checksum is wrong. */
export function readPackets(file: Uint8Array): Packet[] {
  return readBlocks(file)
    .filter(({ type }) => type === 6)
    .map(({ body }) => {
      const stored = body.readUInt32LE(12);
      const options = readOptions(body.subarray(20 + ((stored + 3) & ~3)));
      const at = (body.readUInt32LE(4) * 2 ** 32 + body.readUInt32LE(8)) / 1000;
      const direction = options.get(2)?.readUInt32LE() === 2 ? 'out' : 'in';
      const length = body.readUInt32LE(16);
      return { at, direction, length, ...readTcp(body.subarray(20, 20 + stored), stored === length), comment: options.get(1)?.toString() };
    });
}

function readTcp(ip: Buffer, isWhole: boolean): Omit<Packet, 'at' | 'direction' | 'length' | 'comment'> {
  const isV4 = ip[0]! >> 4 === 4;
  const size = isV4 ? 4 : 16;
  const start = isV4 ? 12 : 8;
  const tcp = ip.subarray(start + 2 * size);
  if (isWhole) check(ip, tcp, start, isV4);
  const [source, destination] = [ip.subarray(start, start + size), ip.subarray(start + size, start + 2 * size)];
  const bits = tcp[13]!;
  return {
    from: `${formatIp(source)} ${tcp.readUInt16BE(0)}`,
    to: `${formatIp(destination)} ${tcp.readUInt16BE(2)}`,
    flags: FLAGS.filter((_, bit) => bits & (1 << bit)).join(', '),
    sequence: tcp.readUInt32BE(4),
    acknowledgment: tcp.readUInt32BE(8),
    window: tcp.readUInt16BE(14),
    payload: tcp.subarray((tcp[12]! >> 4) * 4).toString('latin1'),
  };
}

/** Sums of valid headers, checksums included, are 0xffff (RFC 1071). */
function check(ip: Buffer, tcp: Buffer, addresses: number, isV4: boolean): void {
  if (isV4 && onesSum(ip.subarray(0, 20)) !== 0xffff) throw new Error('wrong checksum of IPv4');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(tcp.length);
  if (onesSum(Buffer.concat([length, Buffer.of(0, 6), ip.subarray(addresses)])) !== 0xffff) throw new Error('wrong checksum of TCP');
  const stated = isV4 ? ip.readUInt16BE(2) : ip.readUInt16BE(4) + 40;
  if (stated !== ip.length) throw new Error(`length ${stated} of an IP packet of ${ip.length} bytes`);
}

/** Adds numbers of 16 bits in one's complement. A last byte alone is the high one. */
function onesSum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}
