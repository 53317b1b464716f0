import { filter, firstValueFrom, merge, timer } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { realTime } from '../util/real-time.ts';
import { after } from '../util/timer.ts';
import { linkOf, type BrokerLink } from './broker-link.ts';
import type { JetStreamClient, JetStreamManager, JetStreamModule, StreamInfo } from './jetstream-types.ts';
import type { NatsConnection } from './nats-connection.ts';
import { brokerRefused, connectionClosed, JetStreamMissing, jetStreamNotEnabled, wrongStream } from './rooms-errors.ts';
import type { RoomsPlan } from './rooms-plan.ts';

/** Milliseconds between two attempts: the first pause, and the longest. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2000;
/** Milliseconds that one attempt waits for its answer. A cluster without a leader gives none. */
export const ATTEMPT_TIMEOUT = 2000;
/** The broker's codes: no such stream, and a stream of this name with another configuration. */
const STREAM_NOT_FOUND = 10059;
const STREAM_EXISTS = 10058;
const NOT_ENABLED_FOR_ACCOUNT = 10039;
/** The broker's codes for a stream that it cannot make as it is configured: too many replicas, too many bytes. */
const CANNOT_MAKE: ReadonlySet<unknown> = new Set([10074, 10047]);
const NANOSECONDS = 1e6;

/** JetStream, loaded at the first use, with a stream that fits. */
export interface OpenedStream {
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
}

/** Opens the stream of the rooms, and repeats requests that fail because the broker cannot be reached. */
export class JetStreamAccess {
  readonly link: BrokerLink;
  readonly connection: NatsConnection;
  readonly plan: RoomsPlan;
  #opened: Promise<OpenedStream> | undefined;
  #created = '';
  /** The highest sequence that this node knows to be stored. */
  #seen = 0;

  constructor(connection: NatsConnection, plan: RoomsPlan) {
    this.connection = connection;
    this.plan = plan;
    this.link = linkOf(connection);
  }

  get maxPayload(): number {
    return this.connection.info?.max_payload ?? Infinity;
  }

  get seen(): number {
    return this.#seen;
  }

  /** Notes that a message of this sequence is stored. */
  saw(sequence: number): void {
    this.#seen = Math.max(this.#seen, sequence);
  }

  /**
   * Reads the state of the stream. After a broker has failed, the next leader may answer before it has applied all that is stored: such an
   * answer is an error, which {@link persist} repeats.
   */
  async info({ jsm }: OpenedStream, filter?: string): Promise<StreamInfo> {
    const info = await jsm.streams.info(this.plan.stream, filter === undefined ? undefined : { subjects_filter: filter });
    if (info.created !== this.#created) this.#seen = 0;
    this.#created = info.created;
    if (info.state.last_seq < this.#seen) throw new Error(`the leader has message ${info.state.last_seq}, ${this.#seen} is stored`);
    this.saw(info.state.last_seq);
    return info;
  }

  /**
   * Calls `work` until it resolves.
   *
   * @param what completes "the broker refused to …".
   * @param until on the clock of `realTime`. @default no limit
   * @throws IOStreamError if the broker has refused, or the connection is closed. The last error after `until`.
   */
  async persist<T>(what: string, work: (opened: OpenedStream) => Promise<T>, until?: number): Promise<T> {
    const end = until ?? Infinity;
    for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      await this.#untilConnected(Math.min(end - realTime.now(), LONGEST_PAUSE));
      this.#checkOpen();
      try {
        return await work(await this.#open());
      } catch (error) {
        this.#checkOpen(error);
        if (isFinal(error)) throw error instanceof TypeError || !isRefused(error) ? error : brokerRefused(what, error);
        if (realTime.now() + pause >= end) throw error;
      }
      await new Promise<void>((resolve) => after(pause, realTime, resolve));
    }
  }

  /** Resolves when a server is connected or the connection is closed, at the latest after `ms`. */
  async #untilConnected(ms: number): Promise<void> {
    const { writable$, closed$ } = this.link;
    if (!writable$.value) await firstValueFrom(merge(writable$.pipe(filter(Boolean)), closed$, timer(ms, realTime)));
  }

  #checkOpen(cause?: unknown): void {
    if (this.connection.isClosed()) throw connectionClosed(cause);
  }

  #open(): Promise<OpenedStream> {
    this.#opened ??= this.#openStream().catch((error: unknown) => {
      this.#opened = undefined;
      throw isNotEnabled(error, this.connection) ? jetStreamNotEnabled(error) : error;
    });
    return this.#opened;
  }

  async #openStream(): Promise<OpenedStream> {
    const library = await loadJetStream();
    const jsm = await library.jetstreamManager(this.connection, { checkAPI: false, timeout: ATTEMPT_TIMEOUT });
    checkStream(await this.#ensureStream(jsm), this.plan);
    return { js: library.jetstream(this.connection), jsm };
  }

  async #ensureStream(jsm: JetStreamManager): Promise<StreamInfo> {
    const { stream, subject, history, maxAge, maxBytes, duplicateWindow, replicas } = this.plan;
    try {
      return await jsm.streams.info(stream);
    } catch (error) {
      if (codeOf(error) !== STREAM_NOT_FOUND) throw error;
    }
    try {
      return await jsm.streams.add({
        name: stream,
        subjects: [`${subject}.>`],
        max_msgs_per_subject: history,
        max_age: maxAge * NANOSECONDS,
        max_bytes: maxBytes,
        duplicate_window: (maxAge > 0 ? Math.min(duplicateWindow, maxAge) : duplicateWindow) * NANOSECONDS,
        num_replicas: replicas,
      });
    } catch (error) {
      // Another node was faster, with other options: its stream counts.
      if (codeOf(error) !== STREAM_EXISTS) throw error;
      return jsm.streams.info(stream);
    }
  }
}

/** An optional peer, loaded at the first use. */
async function loadJetStream(): Promise<JetStreamModule> {
  try {
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-assertion -- without it, TypeScript compiles the types of the package
    return (await import('@nats-io/jetstream' as string)) as JetStreamModule;
  } catch (error) {
    throw new JetStreamMissing(error);
  }
}

function checkStream({ config }: StreamInfo, { stream, subject, timeout }: RoomsPlan): void {
  const subjects = `${subject}.>`;
  if (config.subjects.length !== 1 || config.subjects[0] !== subjects)
    throw wrongStream(stream, `its subjects are ${JSON.stringify(config.subjects)}, expected only '${subjects}'`);
  if (config.discard !== 'old' || config.retention !== 'limits')
    throw wrongStream(stream, `it must keep messages by limits and remove the oldest (retention 'limits', discard 'old')`);
  const window = config.duplicate_window / NANOSECONDS;
  if (window <= timeout) throw wrongStream(stream, `its duplicate_window is ${window} ms, which must be more than timeout = ${timeout} ms`);
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown } | null)?.code;
}

/** Whether the account must not use JetStream, or no broker has it. One that has it and does not answer is starting. */
function isNotEnabled(error: unknown, { info }: NatsConnection): boolean {
  const { name, cause } = error as { readonly name?: unknown; readonly cause?: { readonly name?: unknown } };
  if (codeOf(cause) === NOT_ENABLED_FOR_ACCOUNT) return true;
  return (name === 'JetStreamNotEnabled' || cause?.name === 'NoResponders') && !info?.jetstream;
}

/** An answer of the broker that another attempt would not change. Answers of 500 and above may change. */
function isRefused(error: unknown): boolean {
  const { name, status } = error as { readonly name?: unknown; readonly status?: unknown };
  return (typeof status === 'number' && status < 500) || CANNOT_MAKE.has(codeOf(error)) || name === 'PermissionViolationError';
}

/** Whether another attempt would fail with the same error. */
export function isFinal(error: unknown): boolean {
  const { name } = error as { readonly name?: unknown };
  return (
    error instanceof TypeError ||
    error instanceof IOStreamError ||
    error instanceof JetStreamMissing ||
    name === 'InvalidArgumentError' ||
    isRefused(error)
  );
}
