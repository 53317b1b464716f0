import type { JetStreamClient, JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection as CoreConnection } from '@nats-io/nats-core';
import { ConnectionState } from './connection-state.ts';
import type { NatsConnection } from './nats-connection.ts';
import { brokerRefused, connectionClosed, jetStreamMissing, wrongStream } from './rooms-errors.ts';
import type { RoomsPlan } from './rooms-plan.ts';

/** Milliseconds between two attempts: the first pause, and the longest. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2000;
/** The broker's codes: no such stream, and a stream of this name with another configuration. */
const STREAM_NOT_FOUND = 10059;
const STREAM_EXISTS = 10058;
const NANOSECONDS = 1e6;

/** JetStream, loaded at the first use, with a stream that fits. */
export interface OpenedStream {
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
}

/** Opens the stream of the rooms, and repeats requests that fail because the broker cannot be reached. */
export class JetStreamAccess {
  readonly state: ConnectionState;
  readonly connection: NatsConnection;
  readonly plan: RoomsPlan;
  #opened: Promise<OpenedStream> | undefined;

  constructor(connection: NatsConnection, plan: RoomsPlan) {
    this.connection = connection;
    this.plan = plan;
    this.state = new ConnectionState(connection);
  }

  get maxPayload(): number {
    return this.connection.info?.max_payload ?? Infinity;
  }

  /**
   * Calls `work` until it resolves.
   *
   * @param what completes "the broker refused to …".
   * @param until on the clock of `performance`. @default no limit
   * @throws IOStreamError if the broker has refused, or the connection is closed. The last error after `until`.
   */
  async persist<T>(what: string, work: (opened: OpenedStream) => Promise<T>, until = Infinity): Promise<T> {
    for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      await this.state.untilConnected(Math.min(until - performance.now(), LONGEST_PAUSE));
      if (this.state.isClosed) throw connectionClosed();
      try {
        return await work(await this.#open());
      } catch (error) {
        if (this.state.isClosed) throw connectionClosed(error);
        if (isFinal(error)) throw error instanceof TypeError || !isRefused(error) ? error : brokerRefused(what, error);
        if (performance.now() + pause >= until) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  #open(): Promise<OpenedStream> {
    this.#opened ??= this.#openStream().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #openStream(): Promise<OpenedStream> {
    const { jetstream, jetstreamManager } = await import('@nats-io/jetstream').catch((error: unknown) => {
      throw Object.assign(jetStreamMissing(error), { isFinal: true });
    });
    const core = this.connection as unknown as CoreConnection;
    const jsm = await jetstreamManager(core, { checkAPI: false });
    checkStream(await this.#ensureStream(jsm), this.plan);
    return { js: jetstream(core), jsm };
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

function checkStream({ config }: StreamInfo, { stream, subject, timeout }: RoomsPlan): void {
  const subjects = `${subject}.>`;
  if (config.subjects?.length !== 1 || config.subjects[0] !== subjects)
    throw wrongStream(stream, `its subjects are ${JSON.stringify(config.subjects)}, expected only '${subjects}'`);
  if (config.discard !== 'old' || config.retention !== 'limits')
    throw wrongStream(stream, `it must keep messages by limits and remove the oldest (retention 'limits', discard 'old')`);
  const window = config.duplicate_window / NANOSECONDS;
  if (window <= timeout) throw wrongStream(stream, `its duplicate_window is ${window} ms, which must be more than timeout = ${timeout} ms`);
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown } | null)?.code;
}

/** An answer of the broker that another attempt would not change. Answers of 500 and above may change. */
function isRefused(error: unknown): boolean {
  const { name, status } = error as { readonly name?: unknown; readonly status?: unknown };
  return (typeof status === 'number' && status < 500) || name === 'PermissionViolationError';
}

function isFinal(error: unknown): boolean {
  const { name, isFinal: mark } = error as { readonly name?: unknown; readonly isFinal?: unknown };
  return error instanceof TypeError || mark === true || name === 'InvalidArgumentError' || isRefused(error);
}
