import { checkOptions, type Rules } from '../../util/check-options.ts';
import { describeValue } from '../../util/describe.ts';
import { isBoolean, isCount, isFunction, isText } from '../../util/value-tests.ts';
import type { WebSocketConstructor } from './web-socket-like.ts';

/** The options of {@link webSocket}. */
export interface WebSocketOptions {
  /** The subprotocols to offer, the preferred one first. Only for a URL. @default none */
  readonly protocols?: string | readonly string[] | undefined;
  /** The class that dials a URL, such as that of `ws` on Node 20. @default the global `WebSocket` */
  readonly WebSocketCtor?: WebSocketConstructor | undefined;
  /** The kind of frames to send. `'text'` needs UTF-8, and cuts it only between characters. Both kinds are read. @default 'binary' */
  readonly sendAs?: 'binary' | 'text' | undefined;
  /** Unsent bytes at which the application is paused; it is resumed at half of them. @default 262144 */
  readonly highWaterMark?: number | undefined;
  /**
   * Maximum bytes that are kept while the application does not read; over it, the connection fails with EINBUFLIMIT. Each message
   * counts 64 bytes more than it has. @default 16777216
   */
  readonly inBufLimit?: number | undefined;
  /**
   * End each direction by itself, with an empty message. Both ends must have it: WebSocket has no such end, and others do not know
   * it. @default false: `end` closes both directions
   */
  readonly halfClose?: boolean | undefined;
}

/** The options with their defaults. */
export interface WebSocketSettings extends WebSocketOptions {
  readonly sendAs: 'binary' | 'text';
  readonly highWaterMark: number;
  readonly inBufLimit: number;
  readonly halfClose: boolean;
}

const BYTES = ['a number of bytes, 1 or more', (value: unknown) => isCount(value) && value > 0, describeValue] as const;

const RULES: Rules = {
  protocols: ['the name of a subprotocol, or a list of names', (value) => isText(value) || (Array.isArray(value) && value.every(isText))],
  WebSocketCtor: ['a class, such as `WebSocket` of ws', isFunction],
  sendAs: ["'binary' or 'text'", (value) => value === 'binary' || value === 'text', describeValue],
  highWaterMark: BYTES,
  inBufLimit: BYTES,
  halfClose: ['a boolean', isBoolean],
};

/**
 * Copies and checks the options.
 *
 * @throws TypeError that names the wrong option.
 */
export function webSocketSettings(options: WebSocketOptions): WebSocketSettings {
  const given = checkOptions(options, { caller: 'webSocket', rules: RULES });
  const {
    protocols,
    WebSocketCtor,
    sendAs = 'binary',
    highWaterMark = 256 * 1024,
    inBufLimit = 16 * 1024 * 1024,
    halfClose = false,
  } = given;
  return {
    protocols: typeof protocols === 'object' ? [...protocols] : protocols,
    WebSocketCtor,
    sendAs,
    highWaterMark,
    inBufLimit,
    halfClose,
  };
}
