import { context, type Attributes } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type IMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
  type Sampler,
} from '@opentelemetry/sdk-trace-base';
import { instrument } from 'rxjs-io-stream/opentelemetry';
import type { Harness } from './harness.ts';

/** A point of a metric. */
export interface Point {
  readonly attributes: Attributes;
  /** A number; of a histogram, the number of its values. */
  readonly value: number;
}

/** What a program sees of its connections, with the exporters of the SDK that keep all in memory. */
export interface Telemetry {
  /** The ended spans, in the order of their ends. */
  readonly spans: readonly ReadableSpan[];
  /** The ended span with this name. */
  span(name: string): ReadableSpan;
  /** Collects, and returns the points of a metric; none if it has no value. */
  points(name: string): Promise<readonly Point[]>;
  /** Collects, and returns everything as text. */
  text(): Promise<string>;
  readonly tracerProvider: BasicTracerProvider;
  readonly meterProvider: MeterProvider;
  /** Unsubscribes from all connections. Done at the end of the spec. */
  stop(): void;
}

/** What a spec may choose. */
export interface TelemetryOptions {
  readonly sampler?: Sampler;
  readonly attributes?: Attributes;
  /** A further reader of the metrics. */
  readonly reader?: IMetricReader;
}

/** Instruments this process until the end of the spec, with contexts in AsyncLocalStorage. */
export function telemetry(h: Harness, { sampler, attributes, reader }: TelemetryOptions = {}): Telemetry {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  h.defer(() => context.disable());
  const spanExporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spanExporter)], ...(sampler && { sampler }) });
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const ownReader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 });
  const meterProvider = new MeterProvider({ readers: [ownReader, ...(reader ? [reader] : [])] });
  h.defer(() => meterProvider.shutdown());
  const subscription = instrument({ tracerProvider, meterProvider, ...(attributes && { attributes }) });
  h.defer(() => subscription.unsubscribe());
  const collect = async () => {
    metricExporter.reset();
    await ownReader.forceFlush();
    return metricExporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
  };
  return {
    get spans() {
      return spanExporter.getFinishedSpans();
    },
    span(name) {
      const found = spanExporter.getFinishedSpans().filter((span) => span.name === name);
      if (found.length !== 1) throw new Error(`expected one span '${name}', got ${found.length} of ${namesOf(spanExporter).join(', ')}`);
      return found[0]!;
    },
    async points(name) {
      const metrics = (await collect()).filter(({ descriptor }) => descriptor.name === name);
      return metrics.flatMap(({ dataPoints }) =>
        dataPoints.map(({ attributes: of, value }) => ({ attributes: of, value: typeof value === 'number' ? value : value.count })),
      );
    },
    async text() {
      const spans = spanExporter.getFinishedSpans().map(({ name, attributes: of, events, status }) => ({ name, of, events, status }));
      return JSON.stringify([spans, await collect()]);
    },
    tracerProvider,
    meterProvider,
    stop: () => subscription.unsubscribe(),
  };
}

function namesOf(exporter: InMemorySpanExporter): string[] {
  return exporter.getFinishedSpans().map(({ name }) => name);
}
