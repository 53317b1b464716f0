import type { KeepAliveTimes } from '../util/keep-alive.ts';
import { HEADER_BYTES } from '../protocol/message-frame.ts';
import { checkOptions, type OptionSet } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { isCount, isObject } from '../util/value-tests.ts';

/** When the peer of {@link overMessages} counts as dead. */
export interface MessageKeepAlive {
  /** Milliseconds without a message of the peer after which a ping is sent. @default 30000 */
  readonly interval?: number | undefined;
  /** Milliseconds that the peer has for each of two pings. @default 10000 */
  readonly timeout?: number | undefined;
}

/** The options of {@link overMessages}. */
export interface OverMessagesOptions {
  /** Maximum bytes on the way in each direction, unread ones included. The smaller window of both ends counts. @default 262144 */
  readonly window?: number | undefined;
  /** Maximum length of a message in bytes, its header of 32 bytes included. @default 65536 */
  readonly maxMessage?: number | undefined;
  /** Pings a silent peer; false: never. Lost messages at the end of a burst are then not noticed. @default every 30 s, with a timeout of 10 s */
  readonly keepAlive?: MessageKeepAlive | false | undefined;
}

/** The options with their defaults. */
export interface MessageSettings {
  readonly window: number;
  readonly maxPayload: number;
  readonly keepAlive: KeepAliveTimes | undefined;
}

const MAX_WINDOW = 2 ** 32 - 1;

/** Made at the call: a bundler keeps a table with computed text, even if nothing uses it. */
const messageOptions = (): OptionSet => ({
  caller: 'overMessages',
  rules: {
    window: [`a number of bytes from 1 to ${MAX_WINDOW}`, (value) => isCount(value) && value > 0 && value <= MAX_WINDOW],
    maxMessage: [`a number of bytes, more than the ${HEADER_BYTES} of the header`, (value) => isCount(value) && value > HEADER_BYTES],
    keepAlive: ['false or { interval, timeout }', (value) => value === false || isObject(value)],
  },
  show: describeValue,
});

const KEEP_ALIVE_OPTIONS: OptionSet = {
  caller: 'overMessages',
  rules: { interval: ['milliseconds, more than 0', isPositive], timeout: ['milliseconds, more than 0', isPositive] },
  prefix: 'keepAlive.',
  show: describeValue,
};

/**
 * Copies and checks the options.
 *
 * @throws TypeError that names the wrong option.
 */
export function messageSettings(options: OverMessagesOptions): MessageSettings {
  const { window = 256 * 1024, maxMessage = 64 * 1024, keepAlive = {} } = checkOptions(options, messageOptions());
  return { window, maxPayload: maxMessage - HEADER_BYTES, keepAlive: keepAlive === false ? undefined : timesOf(keepAlive) };
}

function timesOf(keepAlive: MessageKeepAlive): KeepAliveTimes {
  const { interval = 30_000, timeout = 10_000 } = checkOptions(keepAlive, KEEP_ALIVE_OPTIONS);
  return { interval, timeout };
}

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && value > 0;
}
