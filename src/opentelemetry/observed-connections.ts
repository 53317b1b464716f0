import { context, diag, type Attributes, type Meter, type Tracer } from '@opentelemetry/api';
import { Subscription } from 'rxjs';
import { diagnostics } from '../diagnostics/diagnostics.ts';
import type { DiagnosticsMessages } from '../diagnostics/messages.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import type { ConnectionMetrics } from './connection-metrics.ts';
import { ConnectionSpans } from './connection-spans.ts';
import type { ClosedMessage, ConnectedMessage, DialMessage, ErrorMessage, ResolvedMessage } from './messages.ts';
import { Metrics } from './metrics.ts';

/** What is observed of one open connection. */
interface Observed {
  readonly metrics: ConnectionMetrics;
  /** Undefined if the SDK has thrown. */
  spans?: ConnectionSpans;
}

/** Subscribes to the diagnostics channels until it is unsubscribed. */
export class ObservedConnections extends Subscription {
  readonly #tracer: Tracer;
  readonly #attributes: Attributes;
  readonly #metrics: Metrics;
  /** By the number of the connection. Those that were dialled before the start are not in it. */
  readonly #connections = new Map<number, Observed>();

  /** @param attributes those of every span and metric. */
  constructor(tracer: Tracer, meter: Meter, attributes: Attributes) {
    super(() => this.#stop());
    this.#tracer = tracer;
    this.#attributes = attributes;
    this.#metrics = new Metrics(meter, attributes);
    this.#follow('connection:dial', (message) => this.#onDial(message));
    this.#follow('connection:resolved', (message) => this.#onResolved(message));
    this.#follow('connection:attempt', (message) => this.#connections.get(message.id)?.spans?.attempt(message));
    this.#follow('connection:handshake', (message) => this.#connections.get(message.id)?.spans?.handshake(message));
    this.#follow('connection:connected', (message) => this.#onConnected(message));
    this.#follow('connection:error', (message) => this.#onError(message));
    this.#follow('connection:closed', (message) => this.#onClosed(message));
    this.#follow('server:drop', (message) => this.#metrics.dropped(message));
  }

  #follow<Name extends keyof DiagnosticsMessages>(name: Name, handle: (message: DiagnosticsMessages[Name]) => void): void {
    this.add(diagnostics(name).subscribe((message) => guarded(() => handle(message))));
  }

  #stop(): void {
    for (const { spans } of this.#connections.values()) guarded(() => spans?.end());
    this.#connections.clear();
    this.#metrics.stop();
  }

  #onDial(message: DialMessage): void {
    const observed: Observed = { metrics: this.#metrics.dialled(message) };
    this.#connections.set(message.id, observed);
    const spans = (observed.spans = new ConnectionSpans(this.#tracer, message, this.#attributes));
    // The callbacks of an accepted stream run in the context of its span. Those of a client keep the context of the code that dials.
    if (message.role === 'server') context.with(spans.context, () => internalsOf(message.stream).inbound.capture());
  }

  #onResolved(message: ResolvedMessage): void {
    const observed = this.#connections.get(message.id);
    if (observed) this.#metrics.resolved(message);
    observed?.spans?.resolved(message);
  }

  #onConnected(message: ConnectedMessage): void {
    const observed = this.#connections.get(message.id);
    observed?.metrics.connected(message);
    observed?.spans?.connected(message);
  }

  #onError(message: ErrorMessage): void {
    const observed = this.#connections.get(message.id);
    observed?.metrics.error(message);
    observed?.spans?.error(message);
  }

  #onClosed(message: ClosedMessage): void {
    const observed = this.#connections.get(message.id);
    this.#connections.delete(message.id);
    observed?.metrics.closed(message);
    observed?.spans?.closed(message);
  }
}

/** Runs code of the SDK, such as a span processor. What it throws is no concern of the connections: it goes to the log of OpenTelemetry. */
function guarded(work: () => void): void {
  try {
    work();
  } catch (error) {
    diag.error('rxjs-io-stream: a span or a metric was not reported', error);
  }
}
