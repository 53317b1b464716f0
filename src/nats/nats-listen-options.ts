import type { MessageKeepAlive } from '../messages/message-options.ts';
import { messageRules } from '../messages/message-options.ts';
import { ACCEPTED_DEFAULTS } from '../stream/accepted-defaults.ts';
import { ABORT_SIGNAL, checkOptionsWithoutEndpoint, STREAM_RULES } from '../stream/check-stream-options.ts';
import type { IOStream, IOStreamOptions } from '../stream/io-stream.ts';
import { OWN_FIELDS } from '../stream/own-fields.ts';
import { checkOptions, type OptionSet } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { definedOnly } from '../util/defined-only.ts';
import { isCount } from '../util/value-tests.ts';
import type { TcpOptions } from '../wire/tcp-options.ts';
import type { NatsConnection } from './nats-connection.ts';
import { isSubject, NATS_RULES, SUBJECT_TEXT, natsSettings, type NatsSettings, type NatsStreamOptions } from './nats-options.ts';

/** The options of {@link natsListen}: the subject, and the options of the accepted streams, which are those of `IOStream` except for its endpoint. */
export interface NatsListenOptions<S = IOStream>
  extends
    NatsStreamOptions,
    Omit<IOStreamOptions<S>, 'fh' | 'host' | 'port' | 'path' | 'wire' | 'guard' | 'outBufLimit' | 'signal' | keyof TcpOptions> {
  /** The subject to listen on. It may have wildcards: `localAddress` of a stream is the one that was dialled. */
  readonly subject: string;
  /** The queue group: each connection goes to one of the processes that listen with the same name. @default 'rxjs-io-stream' */
  readonly queue?: string | undefined;
  /** Pings a silent peer; false: never. Lost messages at the end of a burst are then not noticed. @default every 30 s, with a timeout of 10 s */
  readonly keepAlive?: MessageKeepAlive | false | undefined;
  /** Maximum number of connections, at least 1. Further ones are refused, and counted in `dropped$`. @default no limit */
  readonly maxConnections?: number | undefined;
  /**
   * Stops listening when it aborts. Open connections continue, and `natsListen` completes when the last one has ended. If it aborts before
   * the server is emitted, `natsListen` errors with an `AbortError`. @default none
   */
  readonly signal?: AbortSignal | undefined;
  /** Maximum bytes of pending writes, as for `IOStream`; 0 = no limit. @default 1048576, as in `listen` */
  readonly outBufLimit?: number | undefined;
  /**
   * If false, ends our direction after the peer's end, once all accepted bytes are sent and nothing reads or sends.
   *
   * @default false, as in `listen`
   */
  readonly allowHalfOpen?: boolean | undefined;
}

/** The server of NATS accepts a subject with `>` elsewhere, and never matches it. */
function isPattern(value: unknown): boolean {
  return isSubject(value) && !/(^|\.)>\./.test(value);
}

/** Options that an accepted stream cannot have: it has no socket, and dials nothing. */
const NOT_OF_STREAMS: readonly string[] = [
  ...['fh', 'host', 'port', 'path', 'wire', 'guard', 'lookup', 'family', 'localAddress', 'localPort', 'noDelay'],
];

const NATS_LISTEN_OPTIONS: OptionSet = {
  caller: 'natsListen',
  usage: 'usage: natsListen({ connection, subject, … }, handler?)',
  rules: {
    ...Object.fromEntries(Object.entries(STREAM_RULES).filter(([name]) => !NOT_OF_STREAMS.includes(name))),
    ...NATS_RULES,
    subject: [`${SUBJECT_TEXT}; \`>\` only as the last one`, isPattern],
    queue: ['a name without white space', (value) => typeof value === 'string' && /^\S+$/.test(value)],
    keepAlive: messageRules().keepAlive,
    maxConnections: ['a number of connections, 1 or more', (value) => isCount(value) && value > 0],
    signal: ABORT_SIGNAL,
  },
  required: ['connection', 'subject'],
  show: describeValue,
  others: OWN_FIELDS,
};

/** The checked options of `natsListen`. */
interface CheckedNatsListenOptions {
  readonly connection: NatsConnection;
  readonly subject: string;
  readonly queue: string;
  readonly maxConnections: number;
  readonly signal: AbortSignal | undefined;
  readonly settings: NatsSettings;
  readonly stream: IOStreamOptions;
}

/**
 * Copies the options of `natsListen` and checks the copy.
 *
 * @throws TypeError that names the wrong option.
 */
export function checkNatsListenOptions(options: NatsListenOptions): CheckedNatsListenOptions {
  const {
    connection,
    subject,
    queue = 'rxjs-io-stream',
    window,
    keepAlive,
    maxConnections = Infinity,
    signal,
    ...stream
  } = checkOptions(options, NATS_LISTEN_OPTIONS);
  return {
    connection,
    subject,
    queue,
    maxConnections,
    signal,
    settings: natsSettings({ connection, window }, keepAlive, 'natsListen'),
    stream: checkOptionsWithoutEndpoint({ ...ACCEPTED_DEFAULTS, ...definedOnly(stream) }) as IOStreamOptions,
  };
}
