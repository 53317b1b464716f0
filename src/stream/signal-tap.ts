import type { Observer } from 'rxjs';
import { channelsOf } from '../util/diagnostics-channel.ts';
import { recordedError, recordedSignal, type RecordedSignal } from '../wire/recorded-signal.ts';
import type { Flow, Up } from '../wire/signal.ts';
import type { ConnectionMessages } from './connection-messages.ts';
import type { Tapped } from './tapped.ts';

type Messages = ConnectionMessages<object>;
type Message = Messages['connection:signal'];

const channel = /* @__PURE__ */ channelsOf<Messages>();
/** Its `hasSubscribers` is read for each chunk. */
const SIGNAL = /* @__PURE__ */ channel('connection:signal');

/** Whether signals are published. */
export function isTapping(): boolean {
  return SIGNAL.hasSubscribers;
}

/** Publishes one signal. The channel must have a subscriber. */
export function publishSignal({ id, io, settings, lifetime }: Tapped, line: Message['line'], signal: RecordedSignal): void {
  SIGNAL.publish({ id, stream: io, at: settings.scheduler.now() - lifetime.startedAt, line, signal });
}

/** Publishes an inbound signal at the stream. Without plugins it is at the wire, too. */
export function publishInbound(tapped: Tapped, signal: Up): void {
  if (SIGNAL.hasSubscribers) publishUp(tapped, recordedSignal(signal));
}

/** Publishes that the wire has completed, or failed. */
export function publishInboundEnd(tapped: Tapped, end: { readonly error?: unknown }): void {
  if (SIGNAL.hasSubscribers) publishUp(tapped, endSignal(end));
}

function publishUp(tapped: Tapped, signal: RecordedSignal): void {
  if (!tapped.settings.hasPlugins) publishSignal(tapped, 'wire', signal);
  publishSignal(tapped, 'to app', signal);
}

/** Publishes that the stream frees its wire. */
export function publishFreed(tapped: Tapped): void {
  if (SIGNAL.hasSubscribers) publishDown(tapped, { kind: 'unsubscribed' });
}

function publishDown(tapped: Tapped, signal: RecordedSignal): void {
  if (tapped.inbound.hasWireEnded) return;
  publishSignal(tapped, 'app', signal);
  if (!tapped.settings.hasPlugins) publishSignal(tapped, 'to wire', signal);
}

/** The signal that records an end. */
export function endSignal(end: { readonly error?: unknown }): RecordedSignal {
  return 'error' in end ? recordedError(end.error) : { kind: 'complete' };
}

/** Returns the observer of outbound signals; while signals are published, one that publishes them. */
export function tappedFlow(tapped: Tapped, flow: Observer<Flow>): Observer<Flow> {
  return SIGNAL.hasSubscribers ? new TappedFlow(tapped, flow) : flow;
}

/** Publishes the outbound signals of a stream, and passes them on. */
class TappedFlow implements Observer<Flow> {
  readonly #tapped: Tapped;
  readonly #flow: Observer<Flow>;

  constructor(tapped: Tapped, flow: Observer<Flow>) {
    this.#tapped = tapped;
    this.#flow = flow;
  }

  next(signal: Flow): void {
    publishDown(this.#tapped, signal);
    this.#flow.next(signal);
  }

  error(error: unknown): void {
    publishDown(this.#tapped, recordedError(error));
    this.#flow.error(error);
  }

  complete(): void {
    publishDown(this.#tapped, { kind: 'complete' });
    this.#flow.complete();
  }
}
