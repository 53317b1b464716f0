import type { MessageKeepAlive } from '../messages/message-options.ts';
import { MAX_MESSAGE, messageRules, settingsOf, type MessageSettings } from '../messages/message-options.ts';
import { HEADER_BYTES } from '../protocol/message-frame.ts';
import { checkOptions, type Rules } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { isFunction, isObject } from '../util/value-tests.ts';
import { wireDetails } from '../wire/wire-details.ts';
import type { NatsConnection } from './nats-connection.ts';
import { notAnswered } from './nats-errors.ts';

/** What both ends of a stream over NATS need. */
export interface NatsStreamOptions {
  /** The connection to NATS. You open and close it. */
  readonly connection: NatsConnection;
  /** Maximum bytes on the way in each direction, unread ones included. The smaller window of both ends counts. @default 262144 */
  readonly window?: number | undefined;
}

/** The options of {@link nats}. */
export interface NatsOptions extends NatsStreamOptions {
  /** The subject on which {@link natsListen} listens. */
  readonly subject: string;
  /** Pings a silent peer; false: never. Lost messages at the end of a burst are then not noticed. @default every 30 s, with a timeout of 10 s */
  readonly keepAlive?: MessageKeepAlive | false | undefined;
}

/** The rules of the options of both ends. */
export const NATS_RULES: Rules = {
  connection: ['a connection to NATS, as `connect` of @nats-io/transport-node returns it', isConnection],
  window: messageRules().window,
};

/** What a subject is, for error messages. */
export const SUBJECT_TEXT = 'a subject: parts that dots separate, without white space';

const NATS_OPTIONS = {
  caller: 'nats',
  usage: 'usage: nats({ connection, subject, … })',
  rules: {
    ...NATS_RULES,
    subject: [`${SUBJECT_TEXT}, without wildcards`, (value) => isSubject(value) && !isWildcard(value)],
    keepAlive: messageRules().keepAlive,
  } as Rules,
  required: ['connection', 'subject'],
  show: describeValue,
};

/** Returns the settings of a connection that is made now: the maximum length of its messages depends on the server. `end` has the subject. */
export type NatsSettings = (subject: string, end: 'remoteAddress' | 'localAddress') => MessageSettings;

/**
 * Copies the options of `nats` and checks the copy.
 *
 * @throws TypeError that names the wrong option.
 */
export function checkNatsOptions(options: NatsOptions): NatsOptions & { readonly settings: NatsSettings } {
  const copy = checkOptions(options, NATS_OPTIONS);
  return { ...copy, settings: natsSettings(copy, copy.keepAlive, 'nats') };
}

/** Returns the settings of the connections of one end. */
export function natsSettings(
  { connection, window }: NatsStreamOptions,
  keepAlive: MessageKeepAlive | false | undefined,
  caller: string,
): NatsSettings {
  const settings = settingsOf({ window, keepAlive }, caller);
  return (subject, end) => ({
    ...settings,
    // At least one byte: where not even that fits, nats.js refuses the frame, and the stream fails by name instead of waiting.
    maxPayload: Math.max(1, Math.min(MAX_MESSAGE, connection.info?.max_payload ?? MAX_MESSAGE) - HEADER_BYTES),
    details: wireDetails({ wire: 'nats', subject }, { [end]: subject }),
    notAnswered: (ms) => notAnswered(subject, ms),
  });
}

/** Whether a value is a subject: tokens between dots, without white space. */
export function isSubject(value: unknown): value is string {
  return typeof value === 'string' && /^[^\s.]+(\.[^\s.]+)*$/.test(value);
}

function isWildcard(subject: string): boolean {
  return /(^|\.)[*>](\.|$)/.test(subject);
}

function isConnection(value: unknown): boolean {
  return isObject(value) && isFunction(value.publish) && isFunction(value.subscribe) && isFunction(value.status);
}
