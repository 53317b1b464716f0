import { Subject, type SchedulerLike } from 'rxjs';
import { IOStreamError } from '../../src/errors.ts';
import type { ChannelEnd } from '../../src/messages/channel-port.ts';
import { ticksOf } from '../../src/util/tick-queue.ts';

/** A message that is delivered, several times, or not at all. `index` counts the messages of its direction from 0. */
export type Deliver = (message: Uint8Array, index: number) => readonly Uint8Array[];

/** A channel within the test, with a fault in the direction from the first end to the second. */
export interface TestChannel {
  readonly ends: readonly [ChannelEnd, ChannelEnd];
  /** All messages of each direction, as sent. */
  readonly sent: readonly [Uint8Array[], Uint8Array[]];
  /** How often `close` of each end was called, and whether its messages are subscribed. */
  closed(end: 0 | 1): number;
  isObserved(end: 0 | 1): boolean;
  /** Emits a message at an end, as if the other one had sent it. */
  inject(end: 0 | 1, message: Uint8Array): void;
  /** Completes the messages of an end. */
  complete(end: 0 | 1): void;
}

export interface TestChannelOptions {
  /** What becomes of the messages of the first end. @default all are delivered once */
  readonly deliver?: Deliver;
  /** 'later': in a task of its own, as a MessagePort does; 'inside': from inside `send`. @default 'later' */
  readonly when?: 'later' | 'inside';
  /** @default real time */
  readonly scheduler: SchedulerLike;
}

/** Creates a channel of messages without backpressure. Messages for an end that is not subscribed are lost. */
export function testChannel({ deliver = (message) => [message], when = 'later', scheduler }: TestChannelOptions): TestChannel {
  const inboxes = [new Subject<Uint8Array>(), new Subject<Uint8Array>()] as const;
  const sent = [[] as Uint8Array[], [] as Uint8Array[]] as const;
  const closed = [0, 0];
  const pass = (to: Subject<Uint8Array>, message: Uint8Array): void => {
    if (when === 'inside') to.next(message);
    else ticksOf(scheduler).request({ isTickDue: false, onTick: () => to.next(message) });
  };
  const end = (own: 0 | 1): ChannelEnd => ({
    send(message) {
      const index = sent[own].push(message) - 1;
      const delivered = own === 0 ? deliver(message, index) : [message];
      for (const each of delivered) pass(inboxes[own === 0 ? 1 : 0], each);
    },
    messages$: inboxes[own],
    close: () => (closed[own]! += 1),
  });
  return {
    ends: [end(0), end(1)],
    sent,
    closed: (own) => closed[own]!,
    isObserved: (own) => inboxes[own].observed,
    inject: (own, message) => inboxes[own].next(message),
    complete: (own) => inboxes[own].complete(),
  };
}

/** The code of an error of a connection. */
export function codeOf(error: unknown): string {
  return error instanceof IOStreamError ? error.code : String(error);
}
