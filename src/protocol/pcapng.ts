import { concatBytes } from '../util/concat-bytes.ts';
import { utf8 } from '../util/utf8.ts';

/** The types of blocks (draft-ietf-opsawg-pcapng, section 11.1). */
const BLOCK = { SECTION_HEADER: 0x0a0d0d0a, INTERFACE: 1, ENHANCED_PACKET: 6, SECRETS: 10 } as const;
/** The codes of options (sections 3.5, 4.1, 4.2 and 4.3). */
const OPTION = { COMMENT: 1, PACKET_FLAGS: 2, INTERFACE_NAME: 2, APPLICATION: 4, TIME_RESOLUTION: 9 } as const;
/** Shows the byte order, which is little-endian. */
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Major and minor version, 16 bits each. */
const VERSION_1_0 = 1;
/** Packets start with the header of IPv4 or IPv6. */
const LINKTYPE_RAW = 101;
/** The maximum size of a packet in the file. */
const NO_LIMIT = 0;
/** Times are in microseconds. */
const MICROSECONDS = 6;
/** "TLSK": the lines of an NSS key log file. */
const TLS_KEY_LOG = 0x544c534b;
const MAX_OPTION_BYTES = 65_535;
/** The length of a section that has no known end. */
const UNKNOWN_LENGTH = [0xffffffff, 0xffffffff] as const;

/** The direction of a packet, as the flags of a block have it. */
export const DIRECTION = { INBOUND: 1, OUTBOUND: 2 } as const;

/** A packet, and what the file holds about it. */
export interface CapturedPacket {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly direction: (typeof DIRECTION)[keyof typeof DIRECTION];
  /** The bytes of the packet that are stored. */
  readonly parts: readonly Uint8Array[];
  /** The size of the whole packet, in bytes. */
  readonly length: number;
  readonly comment?: string | undefined;
}

type Option = readonly [code: number, value: Uint8Array];

const NO_OPTIONS: readonly Option[] = [];

/**
 * Encodes the first two blocks of a file: a section with one interface, whose packets are IP packets.
 *
 * ```text
 *   Section Header (application) │ Interface Description (LINKTYPE_RAW, name, microseconds) │ packets and secrets …
 * ```
 */
export function captureHeader(name: string): Uint8Array {
  const interfaceOptions: readonly Option[] = [
    textOption(OPTION.INTERFACE_NAME, name),
    [OPTION.TIME_RESOLUTION, Uint8Array.of(MICROSECONDS)],
  ];
  return concatBytes([
    encodeBlock(
      BLOCK.SECTION_HEADER,
      [BYTE_ORDER_MAGIC, VERSION_1_0, ...UNKNOWN_LENGTH],
      [],
      [textOption(OPTION.APPLICATION, 'rxjs-io-stream')],
    ),
    encodeBlock(BLOCK.INTERFACE, [LINKTYPE_RAW, NO_LIMIT], [], interfaceOptions),
  ]);
}

/** Encodes a packet of the first interface as an Enhanced Packet Block. */
export function encodePacket({ at, direction, parts, length, comment }: CapturedPacket): Uint8Array {
  const time = Math.max(0, Math.round(at * 1000));
  const fields = [0, Math.floor(time / 2 ** 32), time % 2 ** 32, sizeOf(parts), length];
  const flags: Option = [OPTION.PACKET_FLAGS, Uint8Array.of(direction, 0, 0, 0)];
  return encodeBlock(BLOCK.ENHANCED_PACKET, fields, parts, comment === undefined ? [flags] : [textOption(OPTION.COMMENT, comment), flags]);
}

/** Encodes lines of an NSS key log file as a Decryption Secrets Block. */
export function encodeTlsSecrets(lines: Uint8Array): Uint8Array {
  return encodeBlock(BLOCK.SECRETS, [TLS_KEY_LOG, lines.length], [lines], NO_OPTIONS);
}

/**
 * Encodes a block, in one allocation. The parts together, and the value of each option, are padded to 32 bits.
 *
 * ```text
 *   type (4) │ length (4) │ fields (4 each) │ parts, padded │ options: code (2), length (2), value, padded … end (4) │ length (4)
 * ```
 */
function encodeBlock(type: number, fields: readonly number[], parts: readonly Uint8Array[], options: readonly Option[]): Uint8Array {
  const end = 8 + 4 * fields.length + padded(sizeOf(parts));
  const optionBytes = options.reduce((sum, [, value]) => sum + 4 + padded(value.length), options.length > 0 ? 4 : 0);
  const length = end + optionBytes + 4;
  const block = new Uint8Array(length);
  const view = new DataView(block.buffer);
  let at = 0;
  for (const field of [type, length, ...fields]) {
    view.setUint32(at, field, true);
    at += 4;
  }
  for (const part of parts) {
    block.set(part, at);
    at += part.length;
  }
  at = end;
  for (const [code, value] of options) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    block.set(value, at + 4);
    at += 4 + padded(value.length);
  }
  view.setUint32(length - 4, length, true);
  return block;
}

function textOption(code: number, text: string): Option {
  return [code, utf8(text).subarray(0, MAX_OPTION_BYTES)];
}

function sizeOf(parts: readonly Uint8Array[]): number {
  let size = 0;
  for (const part of parts) size += part.length;
  return size;
}

function padded(length: number): number {
  return (length + 3) & ~3;
}
