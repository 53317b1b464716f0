import type { IOStreamError } from '../errors.ts';
import type { KeepAliveTimes } from '../util/keep-alive.ts';
import { HEADER_BYTES } from '../protocol/message-frame.ts';
import { checkOptions, type Rule, type Rules } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { isCount, isObject } from '../util/value-tests.ts';
import type { LayerDetails } from '../wire/signal.ts';
import { notAnswered } from './message-errors.ts';

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
  /** What the wire reports when it is connected. */
  readonly details: LayerDetails;
  /** Makes the error of a connection that was not answered within `ms`. */
  readonly notAnswered: (ms: number) => IOStreamError;
}

const MAX_WINDOW = 2 ** 32 - 1;
/** Default of `maxMessage`. */
export const MAX_MESSAGE: number = 64 * 1024;

/** The rules of the options, also for wires over a channel of their own. Made at the call: a bundler keeps a table with computed text. */
export const messageRules = (): Readonly<Record<keyof OverMessagesOptions, Rule>> => ({
  window: [`a number of bytes from 1 to ${MAX_WINDOW}`, (value) => isCount(value) && value > 0 && value <= MAX_WINDOW],
  maxMessage: [`a number of bytes, more than the ${HEADER_BYTES} of the header`, (value) => isCount(value) && value > HEADER_BYTES],
  keepAlive: ['false or { interval, timeout }', (value) => value === false || isObject(value)],
});

const KEEP_ALIVE_RULES: Rules = { interval: ['milliseconds, more than 0', isPositive], timeout: ['milliseconds, more than 0', isPositive] };

/**
 * Copies and checks the options.
 *
 * @throws TypeError that names the wrong option.
 */
export function messageSettings(options: OverMessagesOptions): MessageSettings {
  const caller = 'overMessages';
  return settingsOf(checkOptions(options, { caller, rules: messageRules(), show: describeValue }), caller);
}

/**
 * Returns the settings of checked options.
 *
 * @throws TypeError for wrong times of `keepAlive`.
 */
export function settingsOf(options: OverMessagesOptions, caller: string): MessageSettings {
  const { window = 256 * 1024, maxMessage = MAX_MESSAGE, keepAlive = {} } = options;
  return {
    window,
    maxPayload: maxMessage - HEADER_BYTES,
    keepAlive: keepAlive === false ? undefined : timesOf(keepAlive, caller),
    details: { wire: 'messages' },
    notAnswered,
  };
}

function timesOf(keepAlive: MessageKeepAlive, caller: string): KeepAliveTimes {
  const set = { caller, rules: KEEP_ALIVE_RULES, prefix: 'keepAlive.', show: describeValue };
  const { interval = 30_000, timeout = 10_000 } = checkOptions(keepAlive, set);
  return { interval, timeout };
}

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && value > 0;
}
