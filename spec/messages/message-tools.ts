import { Subject, type SchedulerLike } from 'rxjs';
import type { ChannelEnd } from '../../src/messages/channel-port.ts';
import { overMessages } from '../../src/messages/over-messages.ts';
import type { OverMessagesOptions } from '../../src/messages/message-options.ts';
import { encodeFrame, type FrameType, HEADER_BYTES, type MessageFrame } from '../../src/protocol/message-frame.ts';
import { Clock } from '../../src/testing/rules/clock.ts';
import { testDial, type TestDialOptions } from '../../src/testing/test-dial.ts';
import { concatBytes } from '../../src/util/concat-bytes.ts';
import { ticksOf } from '../../src/util/tick-queue.ts';
import type { Flow, Up } from '../../src/wire/signal.ts';

/** Returns the messages that are delivered for one. `index` counts the messages of its direction from 0. */
export type Deliver = (message: Uint8Array, index: number) => readonly Uint8Array[];

/** A channel within the test, with a fault in the direction from the first end to the second. */
export interface TestChannel {
  readonly ends: readonly [ChannelEnd, ChannelEnd];
  /** All messages that each end has sent. */
  readonly sent: readonly [Uint8Array[], Uint8Array[]];
  /** How often `close` of each end was called. */
  readonly closed: [number, number];
  /** The messages that arrive at each end. */
  readonly inboxes: readonly [Subject<Uint8Array>, Subject<Uint8Array>];
}

export interface TestChannelOptions {
  /** @default all messages are delivered once */
  readonly deliver?: Deliver;
  /** 'later': each in a tick of its own, as a MessagePort does; 'inside': from inside `send`. @default 'later' */
  readonly when?: 'later' | 'inside';
  readonly scheduler: SchedulerLike;
}

/** Creates a channel of messages without backpressure. Messages for an end that is not subscribed are lost. */
export function testChannel({ deliver = (message) => [message], when = 'later', scheduler }: TestChannelOptions): TestChannel {
  const inboxes = [new Subject<Uint8Array>(), new Subject<Uint8Array>()] as const;
  const sent: TestChannel['sent'] = [[], []];
  const closed: [number, number] = [0, 0];
  const pass = (to: Subject<Uint8Array>, message: Uint8Array): void => {
    if (when === 'inside') to.next(message);
    else ticksOf(scheduler).request({ isTickDue: false, onTick: () => to.next(message) });
  };
  const end = (own: 0 | 1, other: 0 | 1): ChannelEnd => ({
    send(message) {
      const index = sent[own].push(message) - 1;
      for (const each of own === 0 ? deliver(message, index) : [message]) pass(inboxes[other], each);
    },
    messages$: inboxes[own],
    close: () => (closed[own] += 1),
  });
  return { ends: [end(0, 1), end(1, 0)], sent, closed, inboxes };
}

/** An application on one end of a channel, on a virtual clock. */
export class App {
  readonly signals: Up[] = [];
  readonly flow$ = new Subject<Flow>();
  state: 'open' | 'complete' | 'error' | 'left' = 'open';
  error: unknown;
  onSignal: (signal: Up) => void = () => {};
  readonly #subscription;

  constructor(end: ChannelEnd, scheduler: SchedulerLike, options?: OverMessagesOptions, dial?: TestDialOptions) {
    const wire = overMessages(end, options)(testDial({ scheduler, ...dial }));
    this.#subscription = this.flow$.pipe(wire).subscribe({
      next: (signal) => {
        this.signals.push(signal);
        this.onSignal(signal);
      },
      error: (error: unknown) => {
        this.state = 'error';
        this.error = error;
      },
      complete: () => (this.state = 'complete'),
    });
  }

  write(text: string | Uint8Array): void {
    this.flow$.next({ kind: 'data', bytes: typeof text === 'string' ? new TextEncoder().encode(text) : text });
  }

  send(kind: 'end' | 'pause' | 'resume'): void {
    this.flow$.next({ kind });
  }

  unsubscribe(): void {
    this.#subscription.unsubscribe();
    if (this.state === 'open') this.state = 'left';
  }

  has(kind: Up['kind']): boolean {
    return this.signals.some((signal) => signal.kind === kind);
  }

  get text(): string {
    return new TextDecoder().decode(concatBytes(this.signals.flatMap((each) => (each.kind === 'data' ? [each.bytes] : []))));
  }

  /** The bytes that were reported as sent. */
  get sent(): number {
    return this.signals.reduce((sum, each) => (each.kind === 'sent' ? sum + each.bytes : sum), 0);
  }

  /** Completed, or the code of the error, or the state. */
  get outcome(): string {
    return this.state === 'error' ? String((this.error as { code?: unknown }).code) : this.state;
  }
}

/** Two applications on a channel, connected on a virtual clock. */
export function connectedApps(options: Omit<TestChannelOptions, 'scheduler'> = {}, settings?: OverMessagesOptions) {
  const clock = new Clock();
  const channel = testChannel({ ...options, scheduler: clock });
  const [a, b] = [new App(channel.ends[0], clock, settings), new App(channel.ends[1], clock, settings)];
  clock.advance(1);
  return { clock, channel, a, b };
}

/** Changes fields of a frame that was sent. */
export function changed(message: Uint8Array, fields: Partial<Omit<MessageFrame, 'payload'>>, payload?: Uint8Array): Uint8Array {
  const view = new DataView(message.buffer, message.byteOffset);
  const types: readonly FrameType[] = ['PING', 'ACK', 'DATA', 'END', 'RESET'];
  const frame = {
    type: types[view.getUint8(1)]!,
    from: view.getUint32(4),
    to: view.getUint32(8),
    window: view.getUint32(12),
    position: view.getUint32(20),
    read: view.getUint32(28),
    ...fields,
  };
  return concatBytes([encodeFrame(frame), payload ?? message.subarray(HEADER_BYTES)]);
}

/** The types of frames, by name. */
export function typesOf(messages: readonly Uint8Array[]): string[] {
  return messages.map((message) => ['PING', 'ACK', 'DATA', 'END', 'RESET'][message[1]!] ?? '?');
}
