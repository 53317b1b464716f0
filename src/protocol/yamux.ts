/** Bytes of the header of each frame. */
export const HEADER_LENGTH = 12;

/** The window of each stream until it is updated, in bytes. */
export const INITIAL_WINDOW: number = 256 * 1024;

/** Maximum of a window and of each field of 32 bits. */
export const MAX_UINT32: number = 2 ** 32 - 1;

/** The types of frames. */
export const FRAME = { DATA: 0, WINDOW: 1, PING: 2, GO_AWAY: 3 } as const;

/** The flags of frames. */
export const FLAG = { SYN: 1, ACK: 2, FIN: 4, RST: 8 } as const;

/** The reasons of a GoAway frame. */
export const GO_AWAY = { NORMAL: 0, PROTOCOL: 1, INTERNAL: 2 } as const;

/**
 * The header of a frame.
 *
 * ```text
 *   0       1       2               4                               8                               12
 *   ┌───────┬───────┬───────────────┬───────────────────────────────┬───────────────────────────────┐
 *   │version│ type  │     flags     │           stream id           │            length             │
 *   └───────┴───────┴───────────────┴───────────────────────────────┴───────────────────────────────┘
 * ```
 */
export interface FrameHeader {
  readonly version: number;
  readonly type: number;
  readonly flags: number;
  /** The stream of a data or window frame; 0 in ping and GoAway frames. */
  readonly stream: number;
  /** Data: the bytes that follow. Window: the bytes that it adds. Ping: a value that the answer repeats. GoAway: the reason. */
  readonly length: number;
}

const NAMES: readonly string[] = ['data', 'window update', 'ping', 'GoAway'];

/** Encodes the header of a frame into 12 new bytes. */
export function encodeFrame(type: number, flags: number, stream: number, length: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH);
  bytes[1] = type;
  bytes[3] = flags;
  putUint32(bytes, 4, stream);
  putUint32(bytes, 8, length);
  return bytes;
}

/** Decodes the header at a position of bytes that hold all of it. */
export function decodeFrame(bytes: Uint8Array, at: number): FrameHeader {
  return {
    version: bytes[at]!,
    type: bytes[at + 1]!,
    flags: (bytes[at + 2]! << 8) | bytes[at + 3]!,
    stream: uint32(bytes, at + 4),
    length: uint32(bytes, at + 8),
  };
}

/** Describes a frame for a message: all fields of its header. */
export function describeFrame({ version, type, flags, stream, length }: FrameHeader): string {
  const name = version === 0 ? NAMES[type] : undefined;
  const what = name === undefined ? 'a frame' : `a ${name} frame`;
  return `${what} (version ${version}, type ${type}, flags 0x${flags.toString(16)}, stream ${stream}, length ${length})`;
}

/**
 * Checks the fields of a header that need no knowledge of the streams.
 *
 * @returns what is wrong with it, in words that follow "a frame …"; undefined if it is valid.
 */
export function frameProblem({ version, type, flags, stream }: FrameHeader): string | undefined {
  if (version !== 0) return 'of an unknown version: the peer does not speak yamux';
  if (type > FRAME.GO_AWAY) return 'of an unknown type';
  if (flags > 15) return 'with unknown flags';
  if (type === FRAME.PING || type === FRAME.GO_AWAY) {
    if (stream !== 0) return 'with the id of a stream';
    if (type === FRAME.GO_AWAY && flags !== 0) return 'with flags';
    return type === FRAME.PING && flags !== FLAG.SYN && flags !== FLAG.ACK ? 'with other flags than SYN or ACK' : undefined;
  }
  if (stream === 0) return 'without the id of a stream';
  return (flags & FLAG.SYN) !== 0 && (flags & FLAG.ACK) !== 0 ? 'with both SYN and ACK' : undefined;
}

function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
