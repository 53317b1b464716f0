import { diagnosticsChannel, type DiagnosticsChannel } from '../util/diagnostics-channel.ts';
import type { MuxMessages } from './mux-messages.ts';

type Messages = MuxMessages<object>;

// Each function below publishes one kind of message, and does nothing without a subscriber.

const OPEN: DiagnosticsChannel<Messages['mux:open']> = /* @__PURE__ */ diagnosticsChannel('mux:open');

export function publishMuxOpen(mux: object, streamId: number, role: 'client' | 'server'): void {
  if (OPEN.hasSubscribers) OPEN.publish({ mux, streamId, role });
}

const CLOSED: DiagnosticsChannel<Messages['mux:closed']> = /* @__PURE__ */ diagnosticsChannel('mux:closed');

export function publishMuxClosed(mux: object, streamId: number): void {
  if (CLOSED.hasSubscribers) CLOSED.publish({ mux, streamId });
}

const PING: DiagnosticsChannel<Messages['mux:ping']> = /* @__PURE__ */ diagnosticsChannel('mux:ping');

export function publishMuxPing(mux: object, roundTrip: number): void {
  if (PING.hasSubscribers) PING.publish({ mux, roundTrip });
}
