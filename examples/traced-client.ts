// A client whose connections are traced: prints the spans as a tree, with the time of each, and the bytes of the metrics.
//   npx tsx examples/traced-client.ts [--host localhost] [--port 7007] [LINE …]      (without a port: to a server of its own)
import { context, SpanKind, type Span } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { connect, framed, lines, listen, type Server } from 'rxjs-io-stream';
import { instrument } from 'rxjs-io-stream/opentelemetry';
import { lastValueFrom, map, mergeMap, of, take, tap, toArray, type Observable } from 'rxjs';
import { parseCommandLine, parsePort, runProgram, TEXT } from './support/command-line.ts';

const codec = lines({ maxLength: 1000 });

// Your program exports with @opentelemetry/exporter-trace-otlp-http or others, in batches. All else is the same.
const spans = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 60_000 });
const meterProvider = new MeterProvider({ readers: [reader] });
const tracer = tracerProvider.getTracer('traced-client');

/** Answers each line in capital letters. The span of the connection is active: `answer` is its child. */
function serve(): Observable<Server> {
  return listen({ host: '127.0.0.1', port: 0 }, (io) => {
    const { messages$, write } = framed(io, codec);
    return messages$.pipe(tap((line) => tracer.startActiveSpan('answer', (span) => finish(span, () => write(line.toUpperCase())))));
  });
}

/** Sends lines, and emits as many answers. */
function ask(host: string, port: number, questions: readonly string[]): Observable<string> {
  return connect({ host, port }, (io) => {
    const { messages$, write } = framed(io, codec);
    for (const question of questions) write(question);
    return messages$.pipe(take(questions.length));
  });
}

function finish(span: Span, work: () => unknown): void {
  work();
  span.end();
}

/** Draws the spans below a parent, in the order of their starts. */
function* draw(all: readonly ReadableSpan[], parent?: string, indent = ''): Generator<string> {
  const children = all.filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent).sort((a, b) => startOf(a) - startOf(b));
  for (const span of children) {
    const { name, kind, duration, attributes } = span;
    const ms = (duration[0] * 1e3 + duration[1] / 1e6).toFixed(1);
    const facts = [SpanKind[kind], attributes['error.type'], attributes['rxjs_io_stream.closed_by']].filter((fact) => fact !== undefined);
    yield `${`${indent}${name}`.padEnd(40)} ${ms.padStart(7)} ms  ${facts.join(' ')}`;
    yield* draw(all, span.spanContext().spanId, `${indent}  `);
  }
}

const startOf = ({ startTime: [seconds, nanoseconds] }: ReadableSpan): number => seconds * 1e3 + nanoseconds / 1e6;

async function printMetrics(): Promise<void> {
  await reader.forceFlush();
  const all = metrics.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  for (const { descriptor, dataPoints } of all)
    for (const { attributes, value } of dataPoints)
      if (typeof value === 'number') console.log(descriptor.name, attributes['network.io.direction'] ?? '', value);
}

async function main(): Promise<void> {
  const { values, positionals } = parseCommandLine({ host: { ...TEXT, default: 'localhost' }, port: TEXT });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const instrumentation = instrument({ tracerProvider, meterProvider });
  const questions = positionals.length > 0 ? positionals : ['hello', 'world'];
  const port$ = values.port === undefined ? serve().pipe(map(portOf)) : of(parsePort(values.port));
  const answers$ = port$.pipe(
    // Emits when the connection is closed, which ends its span. The server would go on.
    mergeMap((port) => ask(values.host, port, questions).pipe(toArray())),
    take(1),
  );
  try {
    await tracer.startActiveSpan('ask', async (span) => {
      for (const answer of await lastValueFrom(answers$).finally(() => span.end())) console.log(answer);
    });
  } finally {
    instrumentation.unsubscribe(); // ends the spans of connections that are still open
    for (const line of draw(spans.getFinishedSpans())) console.log(line);
    await printMetrics();
    await meterProvider.shutdown();
  }
}

function portOf({ address }: Server): number {
  return typeof address === 'string' ? 0 : address.port;
}

runProgram(import.meta.url, main);
