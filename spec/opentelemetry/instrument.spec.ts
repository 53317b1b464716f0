import { diag, metrics, trace } from '@opentelemetry/api';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import { readdirSync, readFileSync } from 'node:fs';
import { channel } from 'node:diagnostics_channel';
import { describe, expect, test } from 'vitest';
import { open, type DiagnosticsMessages } from 'rxjs-io-stream';
import * as door from 'rxjs-io-stream/opentelemetry';
import { noop } from 'rxjs';
import { served } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';
import { telemetry } from '../support/telemetry.ts';

const { instrument } = door;
const hasSubscribers = (): boolean =>
  channel('rxjs-io-stream:connection:dial' satisfies `rxjs-io-stream:${keyof DiagnosticsMessages}`).hasSubscribers;

test('rxjs-io-stream/opentelemetry exports these names and no others', () => {
  expect(Object.keys(door)).toEqual(['instrument']);
});

describe('instrument', () => {
  spec('uses the global providers unless it gets others', async (h) => {
    const seen = telemetry(h);
    seen.stop();
    trace.setGlobalTracerProvider(seen.tracerProvider);
    metrics.setGlobalMeterProvider(seen.meterProvider);
    h.defer(() => {
      trace.disable();
      metrics.disable();
    });
    const subscription = instrument();
    h.defer(() => subscription.unsubscribe());
    const io = await open((await served(h)) as { host: string; port: number });
    io.reset();
    await h.until(() => io.state === 'closed');
    expect(seen.spans.map(({ instrumentationScope }) => instrumentationScope.name)).toEqual(['rxjs-io-stream', 'rxjs-io-stream']);
    expect(await seen.points('rxjs_io_stream.client.connection.duration')).toHaveLength(1);
  });

  spec('sees only connections that are dialled while it is subscribed, and ends their spans when it is not', async (h) => {
    const at = (await served(h)) as { host: string; port: number };
    const before = await open(at);
    const seen = telemetry(h);
    const during = await open(at);
    during.write('hello');
    await h.until(() => during.output.pending === 0);
    seen.stop();
    expect(seen.spans.map(({ name }) => name)).toEqual([`socket connect ${at.host}:${at.port}`, `connection ${at.host}:${at.port}`]);
    expect(await seen.points('rxjs_io_stream.client.connection.io')).toMatchObject([{ value: 5 }]);
    expect(hasSubscribers()).toBe(false);
    const after = await open(at);
    for (const io of [before, during, after]) io.reset();
    await h.until(() => [before, during, after].every(({ state }) => state === 'closed'));
    expect(seen.spans).toHaveLength(2);
    expect(await seen.points('rxjs_io_stream.client.connection.count')).toMatchObject([{ value: 0 }]);
  });

  spec('reports on its own at each call', async (h) => {
    const a = telemetry(h);
    const b = telemetry(h);
    const io = await open((await served(h)) as { host: string; port: number });
    io.reset();
    await h.until(() => io.state === 'closed');
    expect(b.spans.map(({ name }) => name)).toEqual(a.spans.map(({ name }) => name));
  });

  spec('logs what a span processor throws, and leaves the connections and the metrics as they are', async (h) => {
    const logged: unknown[] = [];
    const log = (...args: unknown[]): unknown => logged.push(args.at(-1));
    diag.setLogger({ error: log, warn: noop, info: noop, debug: noop, verbose: noop }, { suppressOverrideMessage: true });
    h.defer(() => diag.disable());
    const throwing = (): never => {
      throw new Error('a broken processor');
    };
    const settled = (): Promise<void> => Promise.resolve();
    const seen = telemetry(h);
    seen.stop();
    for (const broken of [{ onStart: throwing }, { onEnd: throwing }]) {
      logged.length = 0;
      const processor = { onStart: noop, onEnd: noop, forceFlush: settled, shutdown: settled, ...broken };
      const tracerProvider = new BasicTracerProvider({ spanProcessors: [processor] });
      const subscription = instrument({ tracerProvider, meterProvider: seen.meterProvider });
      h.defer(() => subscription.unsubscribe());
      const at = (await served(h)) as { host: string; port: number };
      const io = await open(at);
      const count = async (): Promise<unknown> => (await seen.points('rxjs_io_stream.client.connection.count')).map(({ value }) => value);
      expect(await count()).toContain(1);
      io.reset();
      await h.until(() => io.state === 'closed');
      expect(await count()).not.toContain(1);
      expect(logged).toContainEqual(new Error('a broken processor'));
      await open(at); // Its span has not ended when the subscription does.
      subscription.unsubscribe();
    }
  });

  test.each([
    [{ tracerProvider: {} }, /expected `tracerProvider` of instrument to be a TracerProvider, got an object/],
    [{ meterProvider: 'global' }, /expected `meterProvider` of instrument to be a MeterProvider, got "global" \(string\)/],
    [{ attributes: 1 }, /expected `attributes` of instrument to be an object of attributes, got 1 \(number\)/],
    [{ tracer: trace }, /tracer/],
    [null, /expected an object of options for instrument, got null/],
  ])('refuses %o', (options, message) => {
    expect(() => instrument(options as never)).toThrow(message);
    expect(hasSubscribers()).toBe(false);
  });
});

describe('the names of attributes and metrics', () => {
  const folder = new URL('../../src/opentelemetry/', import.meta.url);
  const source = readdirSync(folder)
    .map((file) => readFileSync(new URL(file, folder), 'utf8'))
    .join('\n');
  const used = new Set([...source.matchAll(/'((?:[a-z_]+\.)+[a-z_]+)'/g)].map(([, name = '']) => name));
  const known = new Set<unknown>(Object.values(conventions));

  test('are those of the semantic conventions, or start with rxjs_io_stream', () => {
    expect(used.size).toBeGreaterThan(20);
    expect([...used].filter((name) => !name.startsWith('rxjs_io_stream.') && !known.has(name))).toEqual([]);
  });

  test('stand in the guide', () => {
    const guide = readFileSync(new URL('../../docs/guides/opentelemetry.md', import.meta.url), 'utf8');
    expect([...used].filter((name) => !guide.includes(name))).toEqual([]);
  });
});
