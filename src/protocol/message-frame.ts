import { EPROTOCOL, IOStreamError } from '../errors.ts';
import { EMPTY_BYTES } from '../util/empty-bytes.ts';

/** The version in the first byte of each frame. */
const VERSION = 1;

/** Bytes of a frame before its payload. */
export const HEADER_BYTES = 32;

/** The types of frames, by their number on the wire. */
export const FRAME_TYPES = ['PING', 'ACK', 'DATA', 'END', 'RESET'] as const;

export type FrameType = (typeof FRAME_TYPES)[number];

/** Maximum bytes of the code in a RESET. */
const MAX_CODE_BYTES = 32;

/**
 * One message of a connection over messages. Integers are big-endian.
 *
 * ```text
 *   byte  0         1      2      4      8      12       16         24     32
 *        ┌─────────┬──────┬──────┬──────┬──────┬────────┬──────────┬──────┬─────────┐
 *        │ version │ type │ 0    │ from │ to   │ window │ position │ read │ payload │
 *        └─────────┴──────┴──────┴──────┴──────┴────────┴──────────┴──────┴─────────┘
 *          1         0…4           uint32 uint32 uint32   uint64     uint64
 * ```
 *
 * A direction is numbered as in TCP: each byte takes one position, and its end takes one more.
 */
export interface MessageFrame {
  readonly type: FrameType;
  /** The id of the sender, not 0. Each connection has a new one. */
  readonly from: number;
  /** The id of the receiver; 0 if the sender does not know it yet. */
  readonly to: number;
  /** How many positions the sender of the frame accepts ahead of `read`. */
  readonly window: number;
  /** The position of the first byte of a DATA, or of an END; of other frames, the position after all that was sent. */
  readonly position: number;
  /** How many positions the sender of the frame has read. */
  readonly read: number;
  /** Bytes of a DATA, or the code of a RESET in ASCII. Empty in other frames. */
  readonly payload: Uint8Array;
}

/** Creates the message of a frame, in memory of its own. The payload is zero until the caller writes it. */
export function encodeFrame(frame: Omit<MessageFrame, 'payload'>, payloadBytes = 0): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(HEADER_BYTES + payloadBytes);
  const view = new DataView(message.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, FRAME_TYPES.indexOf(frame.type));
  view.setUint32(4, frame.from);
  view.setUint32(8, frame.to);
  view.setUint32(12, frame.window);
  setUint64(view, 16, frame.position);
  setUint64(view, 24, frame.read);
  return message;
}

/**
 * Parses a message. The payload is a view.
 *
 * @throws IOStreamError EPROTOCOL that names the frame.
 */
export function decodeFrame(message: Uint8Array): MessageFrame {
  if (message.length < HEADER_BYTES)
    throw malformed(`a message of ${message.length} bytes, fewer than the ${HEADER_BYTES} bytes of the header`);
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (view.getUint8(0) !== VERSION) throw malformed(`a message with version ${view.getUint8(0)}, expected ${VERSION}`);
  const type = FRAME_TYPES[view.getUint8(1)];
  if (type === undefined) throw malformed(`a message with the unknown type ${view.getUint8(1)}`);
  const payload = message.length === HEADER_BYTES ? EMPTY_BYTES : message.subarray(HEADER_BYTES);
  const frame = {
    type,
    from: view.getUint32(4),
    to: view.getUint32(8),
    window: view.getUint32(12),
    position: getUint64(view, 16),
    read: getUint64(view, 24),
    payload,
  };
  const problem = problemOf(frame);
  if (problem !== undefined) throw malformed(describeFrame(frame) + problem);
  return frame;
}

/** Whether a message carries bytes or the end: its loss leaves a gap. */
export function hasPosition(message: Uint8Array): boolean {
  return message[1] === FRAME_TYPES.indexOf('DATA') || message[1] === FRAME_TYPES.indexOf('END');
}

/** Names a frame in an error message. */
export function describeFrame({ type, position, payload }: MessageFrame): string {
  return payload.length > 0 ? `${type} at position ${position} with ${payload.length} bytes` : `${type} at position ${position}`;
}

/** Creates the error of a message that breaks the protocol. @param problem the frame, and what is wrong with it. */
export function malformed(problem: string): IOStreamError {
  return new IOStreamError(EPROTOCOL, { phase: 'read', message: `the peer sent ${problem}` });
}

/** The payload of a RESET: the code of an error. */
export function encodeCode(code: string): Uint8Array {
  return new TextEncoder().encode(code).subarray(0, MAX_CODE_BYTES);
}

/** The code in a RESET; undefined if it is none. */
export function decodeCode(payload: Uint8Array): string | undefined {
  const code = new TextDecoder().decode(payload);
  return /^[A-Z][A-Z0-9_]*$/.test(code) ? code : undefined;
}

function problemOf({ type, from, window, position, read, payload }: MessageFrame): string | undefined {
  if (from === 0) return ' from id 0';
  if (window === 0) return ' with a window of 0';
  if (!Number.isSafeInteger(position + payload.length) || !Number.isSafeInteger(read)) return ' over the last position, 2^53 - 1';
  if (type === 'DATA') return payload.length === 0 ? ' without bytes' : undefined;
  if (type === 'RESET') return payload.length > MAX_CODE_BYTES ? `, more than the ${MAX_CODE_BYTES} bytes of a code` : undefined;
  return payload.length > 0 ? ', which has no payload' : undefined;
}

function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value >>> 0);
}

function getUint64(view: DataView, at: number): number {
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}
