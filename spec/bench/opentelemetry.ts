// Measures what `instrument()` costs: CPU of a connection (connect, a byte each way, close) and of a MiB, with both ends in this process.
//   npm run build && npx tsx spec/bench/opentelemetry.ts
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { AlwaysOffSampler, BasicTracerProvider, BatchSpanProcessor, InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';
import { connect, listen, type Server } from 'rxjs-io-stream';
import { instrument } from 'rxjs-io-stream/opentelemetry';
import { ignoreElements, lastValueFrom, mergeMap, range, Subscription, take, tap } from 'rxjs';

const CONNECTIONS = 1000;
const MIB = 128;
const ROUNDS = 9;
const host = '127.0.0.1';

/** Drops the spans. */
class DroppingExporter extends InMemorySpanExporter {
  override export(...args: Parameters<InMemorySpanExporter['export']>): void {
    super.export(...args);
    this.reset();
  }
}

const spanProcessors = [new BatchSpanProcessor(new DroppingExporter())];
const meterProvider = new MeterProvider();
const unsampled = new BasicTracerProvider({ sampler: new AlwaysOffSampler(), spanProcessors });
const sampled = new BasicTracerProvider({ spanProcessors });

const ways: Readonly<Record<string, () => Subscription>> = {
  off: () => new Subscription(),
  'not sampled': () => instrument({ meterProvider, tracerProvider: unsampled }),
  'all spans': () => instrument({ meterProvider, tracerProvider: sampled }),
};

/** Microseconds of CPU, user and system. */
async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Measures all ways in turn, several times. Returns the least of each: the least disturbed one. */
async function compare(what: string, count: number, work: () => Promise<unknown>): Promise<void> {
  const least = new Map<string, number>();
  for (let round = 0; round <= ROUNDS; round += 1)
    for (const [name, start] of Object.entries(ways)) {
      const subscription = start();
      const cpu = (await cpuOf(work)) / count;
      subscription.unsubscribe();
      if (round > 0) least.set(name, Math.min(cpu, least.get(name) ?? Infinity));
    }
  const off = least.get('off') ?? NaN;
  for (const [name, cpu] of least) console.log(`${what}, ${name}: ${cpu.toFixed(0)} µs of CPU, ${(cpu / off).toFixed(2)} of off`);
}

function measure(server: Server): Promise<void> {
  const port = typeof server.address === 'string' ? 0 : server.address.port;
  const echo$ = connect({ host, port, outBuf: 'x' }, (io) => io.data$.pipe(take(1)));
  const chunk = Buffer.alloc(64 * 1024);
  const chunks = function* (): Generator<Buffer> {
    for (let sent = 0; sent < MIB * 16; sent += 1) yield chunk;
  };
  const bulk$ = connect({ host, port }, (io) => {
    let left = MIB * 1024 * 1024;
    io.send(chunks()).subscribe({ error: console.error });
    return io.data$.pipe(
      tap(({ length }) => (left -= length)),
      mergeMap(() => (left === 0 ? [true] : [])),
      take(1),
    );
  });
  return (async () => {
    await compare('a connection', CONNECTIONS, () => lastValueFrom(range(CONNECTIONS).pipe(mergeMap(() => echo$, 20))));
    await compare('a MiB there and back', MIB, () => lastValueFrom(bulk$));
  })();
}

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
listen({ host, port: 0 }, (io) => io.send(io))
  .pipe(mergeMap(measure), take(1), ignoreElements())
  .subscribe({ error: console.error, complete: () => void Promise.all(spanProcessors.map((each) => each.shutdown())) });
