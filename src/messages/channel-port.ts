import { from, noop, Subscription, type ObservableInput } from 'rxjs';
import { EPROTOCOL, IOStreamError } from '../errors.ts';
import { describeWithType } from '../util/describe.ts';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import { Fifo } from '../util/fifo.ts';
import { bytesOf } from '../util/plain-view.ts';
import { channelFailed } from './message-errors.ts';

/** One end of a channel of messages, for {@link overMessages}: a `MessagePort`, `process`, a WebSocket, a subject of a broker. */
export interface ChannelEnd {
  /**
   * Sends one message. Its memory is not used again: you may transfer it, as `port.postMessage(message, [message.buffer])`. A throw,
   * and the rejection of a returned Promise, fails the connection.
   */
  send(message: Uint8Array & { readonly buffer: ArrayBuffer }): unknown;
  /** Emits the messages of the other end, in order. Subscribed when the wire dials. Its completion and its error end the connection. */
  readonly messages$: ObservableInput<ArrayBuffer | ArrayBufferView>;
  /**
   * Emits whether `send` may be called: its first value when it is subscribed, then each change. While false, nothing is sent, and
   * the application is paused as soon as bytes wait. @default `send` may always be called
   */
  readonly writable$?: ObservableInput<boolean> | undefined;
  /** Closes the channel. Called once, at the end of the connection. @default the channel stays open */
  readonly close?: (() => unknown) | undefined;
}

/** Returns the channel of one connection. */
export type OpenChannel = () => ChannelEnd | PromiseLike<ChannelEnd>;

/** What a port calls. */
export interface PortTarget {
  onOpen(): void;
  onMessage(message: Uint8Array): void;
  /** The channel can be written again. */
  onWritable(): void;
  /** The channel has completed. */
  onClosed(): void;
  onFailed(error: unknown): void;
}

/** Opens, reads and writes one end of a channel. Calls nothing after `close`. */
export class ChannelPort {
  readonly #target: PortTarget;
  readonly #open: OpenChannel;
  #channel: ChannelEnd | undefined;
  readonly #reading = new Subscription();
  #isWritable = true;
  readonly #inbox = new Fifo<Uint8Array>();
  #isReceiving = false;
  #isClosed = false;

  constructor(target: PortTarget, open: OpenChannel) {
    this.#target = target;
    this.#open = open;
  }

  /** Whether the channel takes messages. Messages sent to one that does not are lost. */
  get isWritable(): boolean {
    return this.#isWritable;
  }

  open(): void {
    const fail = (error: unknown): void => {
      if (!this.#isClosed) this.#target.onFailed(channelFailed(error, 'connect'));
    };
    try {
      const channel = this.#open();
      if ('then' in channel) channel.then((opened) => this.#opened(opened), fail);
      else this.#opened(channel);
    } catch (error) {
      fail(error);
    }
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    const fail = (error: unknown): void => {
      if (!this.#isClosed) this.#target.onFailed(channelFailed(error, 'write'));
    };
    try {
      const result = this.#channel?.send(message);
      if (isPromiseLike(result)) result.then(undefined, fail);
    } catch (error) {
      fail(error);
    }
  }

  /** Closes the channel. What that throws is ignored: the connection has ended, and has its own report. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#inbox.clear();
    this.#reading.unsubscribe();
    if (this.#channel) closeQuietly(this.#channel);
  }

  #opened(channel: ChannelEnd): void {
    if (this.#isClosed) {
      closeQuietly(channel);
      return;
    }
    const reading = guardedSubscriber<unknown>({
      next: (message) => this.#receive(message),
      error: (error) => this.#target.onFailed(channelFailed(error, 'read')),
      complete: () => this.#target.onClosed(),
    });
    this.#channel = channel;
    this.#reading.add(reading);
    if (channel.writable$) this.#observeWritable(channel.writable$);
    from(channel.messages$).subscribe(reading);
    this.#target.onOpen();
  }

  #observeWritable(writable$: ObservableInput<boolean>): void {
    const observing = guardedSubscriber<boolean>({
      next: (isWritable) => {
        const wasWritable = this.#isWritable;
        this.#isWritable = isWritable;
        if (isWritable && !wasWritable) this.#target.onWritable();
      },
      error: (error) => this.#target.onFailed(channelFailed(error, 'write')),
      complete: noop,
    });
    this.#reading.add(observing);
    from(writable$).subscribe(observing);
  }

  /** Not reentrant: a channel may emit the answer to a message from inside of `send`. */
  #receive(message: unknown): void {
    this.#inbox.push(checkedBytes(message));
    if (this.#isReceiving) return;
    this.#isReceiving = true;
    for (let next = this.#inbox.shift(); next; next = this.#inbox.shift()) this.#target.onMessage(next);
    this.#isReceiving = false;
  }
}

function checkedBytes(message: unknown): Uint8Array {
  const bytes = bytesOf(message);
  if (bytes) return bytes;
  const problem = `expected each message to be an ArrayBuffer or a view of one, got ${describeWithType(message)}`;
  throw new IOStreamError(EPROTOCOL, {
    phase: 'read',
    message: `${problem}; filter other messages, and let the channel send bytes unchanged`,
  });
}

function closeQuietly(channel: ChannelEnd): void {
  try {
    const result = channel.close?.();
    if (isPromiseLike(result)) result.then(undefined, () => undefined);
  } catch {
    // The connection has ended already.
  }
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function';
}
