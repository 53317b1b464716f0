import { metrics, trace, type Attributes, type MeterProvider, type TracerProvider } from '@opentelemetry/api';
import type { Subscription } from 'rxjs';
import { checkOptions, type OptionSet } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { isFunction, isObject } from '../util/value-tests.ts';
import { ObservedConnections } from './observed-connections.ts';

/** The options of {@link instrument}. */
export interface InstrumentOptions {
  /** Makes the tracer. @default the global provider, also one that is registered later */
  readonly tracerProvider?: TracerProvider | undefined;
  /** Makes the meter. @default the global provider at the call */
  readonly meterProvider?: MeterProvider | undefined;
  /** Added to every span and every metric: the same few values for the whole process. @default none */
  readonly attributes?: Attributes | undefined;
}

/** The name of the tracer and of the meter. */
const SCOPE = 'rxjs-io-stream';

const isProvider = (method: string) => (value: unknown) => isObject(value) && isFunction(value[method]);

const OPTIONS: OptionSet = {
  caller: 'instrument',
  show: describeValue,
  rules: {
    tracerProvider: ['a TracerProvider', isProvider('getTracer')],
    meterProvider: ['a MeterProvider', isProvider('getMeter')],
    attributes: ['an object of attributes', isObject],
  },
};

/**
 * Reports all connections of this process to OpenTelemetry: a span for each, with a child for each phase, and metrics.
 *
 * ```text
 *   connection example.com:443            ── dial ────────────────────────────────────────── closed ──▶
 *   ├─ DNS lookup example.com                ────
 *   ├─ socket connect [2001:db8::1]:443          ──✗
 *   ├─ socket connect 192.0.2.1:443                ────
 *   └─ handshake tls                                   ──────
 * ```
 *
 * Sees the connections that are dialled or accepted from now on. A client's span is a child of the span that was active at the dial;
 * the async context of its callbacks stays that of your code. An accepted connection starts a trace. Its span is active in all
 * callbacks of the stream, such as the handler of `listen`.
 *
 * **Errors**
 * - Each error is an event of the span. A fatal one sets `error.type` to its code, and the status. No bytes and no secrets are reported.
 *
 * **Closing**
 * - A span ends with its connection. Unsubscribing ends all spans, and stops.
 *
 * **Backpressure**, **Memory**
 * - Costs nothing for a chunk: bytes are counted when metrics are collected. Holds a record for each open connection.
 *
 * Register your providers first. Each call reports on its own: call it once.
 *
 * @param options where to report. The global providers by default.
 * @returns a subscription; unsubscribing stops all reports.
 * @throws TypeError for a wrong option.
 * @see docs/guides/opentelemetry.md for all spans, attributes and metrics.
 *
 * ```ts
 * import { connect } from 'rxjs-io-stream';
 * import { instrument } from 'rxjs-io-stream/opentelemetry';
 *
 * instrument(); // after the start of the SDK
 * connect({ host: '127.0.0.1', port: 7 }, (io) => io.data$).subscribe({ error: console.error });
 * ```
 */
export function instrument(options: InstrumentOptions = {}): Subscription {
  const { tracerProvider = trace, meterProvider = metrics, attributes = {} } = checkOptions(options, OPTIONS);
  return new ObservedConnections(tracerProvider.getTracer(SCOPE), meterProvider.getMeter(SCOPE), { ...attributes });
}
