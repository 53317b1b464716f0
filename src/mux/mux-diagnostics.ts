import { channelsOf } from '../util/diagnostics-channel.ts';
import type { MuxMessages } from './mux-messages.ts';

const channel = /* @__PURE__ */ channelsOf<MuxMessages<object>>();

// Each function below publishes one kind of message, and does nothing without a subscriber.

const OPEN = /* @__PURE__ */ channel('mux:open');

export function publishMuxOpen(mux: object, streamId: number, role: 'client' | 'server'): void {
  if (OPEN.hasSubscribers) OPEN.publish({ mux, streamId, role });
}

const CLOSED = /* @__PURE__ */ channel('mux:closed');

export function publishMuxClosed(mux: object, streamId: number): void {
  if (CLOSED.hasSubscribers) CLOSED.publish({ mux, streamId });
}

const PING = /* @__PURE__ */ channel('mux:ping');

export function publishMuxPing(mux: object, roundTrip: number): void {
  if (PING.hasSubscribers) PING.publish({ mux, roundTrip });
}
