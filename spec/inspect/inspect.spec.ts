import { channel } from 'node:diagnostics_channel';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { IOStream, listen, passthrough, type IOStreamOptions, type Server } from 'rxjs-io-stream';
import { parseRecording } from 'rxjs-io-stream/testing';
import { NEVER, type Observable } from 'rxjs';
import type { InspectionState } from '../../src/inspect/inspection.ts';
import type { Harness } from '../support/harness.ts';
import { inspected, type Inspected } from '../support/inspected.ts';
import { deadPort } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';

const host = '127.0.0.1';

type Shown = InspectionState['connections'][number];

/** Starts a server, and returns its port. */
async function serverPort(h: Harness, handler: (io: IOStream) => Observable<unknown> = () => NEVER): Promise<number> {
  const servers = h.observed<Server>(listen({ host, port: 0, allowHalfOpen: true }, handler));
  await h.until(() => servers.values.length === 1);
  const address = servers.values[0]?.address;
  return typeof address === 'object' ? address.port : 0;
}

/** Opens a stream. It is reset at the end of the spec. */
function opened(h: Harness, options: IOStreamOptions): IOStream {
  const io = new IOStream(options);
  h.watch(io);
  h.defer(() => io.reset());
  return io;
}

/** Asks for the state until it passes the test, for up to 5 seconds. */
async function shown(page: Inspected, passes: (connections: readonly Shown[]) => boolean): Promise<readonly Shown[]> {
  const end = performance.now() + 5000;
  while (true) {
    const { connections } = await page.state();
    if (passes(connections)) return connections;
    if (performance.now() > end) throw new Error(`expected within 5 s: ${String(passes)}, got ${JSON.stringify(connections)}`);
    await wait(5);
  }
}

/** The connection that was dialled. */
function clientOf(connections: readonly Shown[]): Shown {
  const client = connections.find(({ role }) => role === 'client');
  if (!client) throw new Error('expected a connection that was dialled');
  return client;
}

const both = (state: string) => (connections: readonly Shown[]) => connections.filter((each) => each.state === state).length === 2;
const hasSubscribers = (name: string): boolean => channel(`rxjs-io-stream:connection:${name}`).hasSubscribers;

describe('the state of the page', () => {
  spec('shows both ends of a connection: peers, layers, bytes, phases', async (h) => {
    const page = await inspected(h, { interval: 50 });
    const port = await serverPort(h, (io) => io.send(io));
    const io = opened(h, { host: 'localhost', port, family: 4, plugin: { pass: passthrough() } });
    io.write('x'.repeat(5000));
    await h.until(() => io.inBytes === 5000);
    const connections = await shown(page, (all) => all.every(({ bytesIn, bytesOut }) => bytesIn === 5000 && bytesOut === 5000));
    const client = connections.find(({ role }) => role === 'client');
    const server = connections.find(({ role }) => role === 'server');
    expect(connections).toHaveLength(2);
    expect(client).toMatchObject({ state: 'open', target: `localhost:${port}`, remote: `127.0.0.1:${port}`, layers: ['pass'], errors: [] });
    expect(server).toMatchObject({ state: 'open', remote: client?.local, local: client?.remote, layers: [] });
    expect(server).not.toHaveProperty('target');
    expect(client?.phases.map(({ name }) => name)).toEqual(['resolve localhost', `connect 127.0.0.1:${port}`, 'pass']);
    for (const { start, end = -1 } of client?.phases ?? []) expect(end).toBeGreaterThanOrEqual(start);
    // The rates of the samples add up to the bytes.
    const [rates = 0] = [client?.samples.reduce((sum, [, inRate]) => sum + inRate, 0)];
    expect(rates).toBeGreaterThan(0);
  });

  spec('shows pending and unread bytes, and which share of the time each direction was paused', async (h) => {
    const page = await inspected(h, { interval: 50 });
    const port = await serverPort(h); // reads nothing
    const io = opened(h, { host, port });
    while (io.output.pending < 2 ** 24) io.write(Buffer.alloc(2 ** 20));
    const connections = await shown(
      page,
      (all) => all.length === 2 && all.every(({ samples }) => (samples.at(-1)?.[5] ?? 0) + (samples.at(-1)?.[6] ?? 0) === 1),
    );
    const client = connections.find(({ role }) => role === 'client');
    const server = connections.find(({ role }) => role === 'server');
    const [, , , pending = 0, , inPaused, outPaused] = client?.samples.at(-1) ?? [];
    expect(pending).toBeGreaterThan(2 ** 22);
    expect([inPaused, outPaused, client?.isPaused]).toEqual([0, 1, { in: false, out: true }]);
    const [, , , , unread, ...paused] = server?.samples.at(-1) ?? [];
    expect(unread).toBe(65_536);
    expect([...paused, server?.isPaused]).toEqual([1, 0, { in: true, out: false }]);
  });

  spec('shows a failed connection: its phases, its error, and how it ended', async (h) => {
    const page = await inspected(h);
    const port = await deadPort();
    opened(h, { host, port });
    const [failed] = await shown(page, ([first]) => first?.state === 'closed');
    expect(failed?.phases).toMatchObject([{ name: `connect 127.0.0.1:${port}`, error: 'ECONNREFUSED' }]);
    expect(failed?.errors).toMatchObject([{ code: 'ECONNREFUSED', phase: 'connect', fatal: true }]);
    expect(failed?.report).toEqual({ by: 'error', unsent: 0 });
    const { errors, open } = await page.state();
    expect(errors).toMatchObject([{ code: 'ECONNREFUSED', id: failed?.id }]);
    expect(open).toBe(0);
  });

  spec('sends the samples after the one that the page has', async (h) => {
    const page = await inspected(h, { interval: 50 });
    opened(h, { host, port: await serverPort(h) });
    await shown(page, (all) => all.length === 2 && all.every(({ samples }) => samples.length > 2));
    const { tick, connections } = await page.state();
    const later = await page.state(tick - 1);
    expect(connections[0]?.samples.length).toBeGreaterThan(2);
    for (const [at] of later.connections[0]?.samples ?? []) expect(at).toBeGreaterThanOrEqual(tick);
  });

  spec('keeps the newest closed connections, and counts the open ones that it does not show', async (h) => {
    const port = await serverPort(h, (each) => each.eof$);
    const before = opened(h, { host, port }); // dialled before the page: never counted
    await h.until(() => before.state === 'open');
    const page = await inspected(h, { maxConnections: 3 });
    const streams = Array.from({ length: 5 }, () => opened(h, { host, port }));
    const counts = async (): Promise<number[]> => {
      const { connections, hidden, open } = await page.state();
      return [connections.length, hidden, open];
    };
    await expect.poll(counts, { timeout: 5000 }).toEqual([3, 7, 10]); // both ends
    for (const io of [before, ...streams]) io.close();
    const first = await shown(page, (all) => all.every(({ state }) => state === 'closed'));
    await expect.poll(counts, { timeout: 5000 }).toEqual([3, 0, 0]);
    opened(h, { host, port: await deadPort() });
    const second = await page.state();
    expect(second.connections.slice(0, 2).map(({ id }) => id)).toEqual(first.slice(1).map(({ id }) => id));
  });

  spec('keeps the last 8 errors of a connection, and the last 50 of all', async (h) => {
    const page = await inspected(h);
    const stream = opened(h, { host, port: await serverPort(h) });
    await shown(page, both('open'));
    const { connections } = await page.state();
    const { id } = clientOf(connections);
    for (let errors = 0; errors < 60; errors += 1)
      channel('rxjs-io-stream:connection:error').publish({ id, stream, error: new Error(`error ${errors}`), fatal: false });
    const after = await page.state();
    expect(after.connections.find((each) => each.id === id)?.errors.map(({ message }) => message)).toEqual(
      Array.from({ length: 8 }, (_, at) => `error ${52 + at}`),
    );
    expect(after.errors).toHaveLength(50);
  });

  spec('bounds texts of others, and escapes what cannot be seen', async (h) => {
    const page = await inspected(h);
    const stream = opened(h, { host, port: await serverPort(h), plugin: { ['p'.repeat(1000)]: passthrough() } });
    await shown(page, both('open'));
    const { connections } = await page.state();
    const client = connections.find(({ role }) => role === 'client');
    const error = Object.assign(new Error(`\u202Eevil\u0000${'m'.repeat(1000)}`), { code: 'C'.repeat(1000) });
    channel('rxjs-io-stream:connection:error').publish({ id: client?.id, stream, error, fatal: false });
    expect(client?.layers[0]).toHaveLength(301);
    const [shownError] = (await page.state()).errors;
    expect(shownError?.message).toMatch(/^\\u202eevil\\u0000m{280,300}…$/);
    expect(shownError?.code).toHaveLength(301);
  });

  spec('does not keep a stream in memory', async (h) => {
    const page = await inspected(h);
    const port = await serverPort(h);
    const kept = await (async () => {
      const io = new IOStream({ host, port, cb: () => {} });
      await h.until(() => io.state === 'open');
      io.reset();
      await h.until(() => io.state === 'closed');
      return new WeakRef(io);
    })();
    await h.until(() => {
      globalThis.gc?.();
      return kept.deref() === undefined;
    });
    expect((await page.state()).connections).toHaveLength(2);
  });
});

describe('the buttons of the page', () => {
  spec('close and reset a connection', async (h) => {
    const page = await inspected(h);
    const port = await serverPort(h);
    const streams = [opened(h, { host, port }), opened(h, { host, port })];
    const connections = await shown(page, (all) => all.filter(({ state }) => state === 'open').length === 4);
    const [first, second] = connections.filter(({ role }) => role === 'client');
    expect((await page.press(first?.id ?? 0, 'close')).status).toBe(204);
    expect(streams[0]?.state).toBe('closing');
    expect((await page.press(second?.id ?? 0, 'reset')).status).toBe(204);
    expect(streams[1]?.state).toBe('closed');
    const again = await page.press(second?.id ?? 0, 'reset');
    expect([again.status, again.body]).toEqual([409, `connection ${second?.id} is closed, or no stream of this process`]);
  });

  spec('record a connection, from the click to the stop', async (h) => {
    const page = await inspected(h);
    const io = opened(h, { host, port: await serverPort(h, (each) => each.send(each)) });
    const { id } = clientOf(await shown(page, both('open')));
    io.write('before');
    await h.until(() => io.inBytes === 6);
    expect(hasSubscribers('signal')).toBe(false);
    await page.press(id, 'record');
    expect(hasSubscribers('signal')).toBe(true);
    io.write('during');
    await h.until(() => io.inBytes === 12);
    await page.press(id, 'stop');
    expect(hasSubscribers('signal')).toBe(false);
    io.write('after');
    await h.until(() => io.inBytes === 17);
    const text = (await page.ask({ path: `recordings/${id}.txt` })).body;
    const { id: number, entries, cut } = parseRecording(text);
    expect(number).toBe(id);
    const data = entries.flatMap(({ line, signal }) =>
      signal.kind === 'data' ? [`${line}: ${Buffer.from(signal.bytes).toString()}`] : [],
    );
    expect(data).toEqual(['app: during', 'to wire: during', 'wire: during', 'to app: during']);
    expect(cut).toBe(false);
    expect((await shown(page, both('open'))).find((each) => each.id === id)?.recording).toEqual({
      isActive: false,
      signals: entries.length,
      isCut: false,
    });
  });

  spec('draw no phase before the transfer if the connection was open at the click', async (h) => {
    const page = await inspected(h);
    const io = opened(h, { host, port: await serverPort(h, (each) => each.eof$) });
    const { id } = clientOf(await shown(page, both('open')));
    await page.press(id, 'record');
    await page.press(id, 'close'); // An idle connection: nothing but its end is recorded.
    await h.until(() => io.state === 'closed');
    const picture = (await page.ask({ path: `recordings/${id}.svg` })).body;
    expect([...picture.matchAll(/class="name"[^>]*>(\w+)</g)].map(([, name]) => name)).toEqual(['transfer', 'close']);
  });

  spec('record within `recordLimit`, until the connection is closed', async (h) => {
    const page = await inspected(h, { recordLimit: 2000 });
    const io = opened(h, { host, port: await serverPort(h) });
    const { id } = clientOf(await shown(page, both('open')));
    await page.press(id, 'record');
    for (let writes = 0; writes < 20; writes += 1) {
      io.write('x'.repeat(100));
      await h.until(() => io.output.pending === 0);
    }
    io.reset();
    await shown(page, (all) => all.find((each) => each.id === id)?.recording?.isActive === false);
    expect(hasSubscribers('signal')).toBe(false);
    const list = (await page.ask({ path: `recordings/${id}.list` })).body;
    expect(list).toMatch(/^[\d.]+ app: data (78 ){48}\|x{48}\| … 52 more bytes\n/);
    const { cut, entries } = parseRecording((await page.ask({ path: `recordings/${id}.txt` })).body);
    expect(cut).toBe(true);
    const sizes = entries.flatMap(({ signal }) => (signal.kind === 'error' ? [] : 64 + (signal.kind === 'data' ? signal.bytes.length : 0)));
    const size = sizes.reduce((sum, each) => sum + each, 0);
    expect(size).toBeGreaterThan(1800);
    expect(size).toBeLessThanOrEqual(2000);
  });

  spec('record at most 8 connections at once, and keep the newest recordings', async (h) => {
    const page = await inspected(h);
    const port = await serverPort(h);
    for (let dials = 0; dials < 5; dials += 1) opened(h, { host, port });
    const ids = (await shown(page, (all) => all.length === 10 && all.every(({ state }) => state === 'open'))).map(({ id }) => id);
    for (const id of ids.slice(0, 8)) expect((await page.press(id, 'record')).status).toBe(204);
    const refused = await page.press(ids[8] ?? 0, 'record');
    expect([refused.status, refused.body]).toEqual([409, 'expected fewer than 8 active recordings; stop one of them']);
    await page.press(ids[0] ?? 0, 'stop');
    expect((await page.press(ids[8] ?? 0, 'record')).status).toBe(204);
    const { connections } = await page.state();
    expect(connections.filter(({ recording }) => recording).map(({ id }) => id)).toEqual(ids.slice(1, 9));
  });

  spec('record the wire below plugins with `recordWires`, and the stream only without', async (h) => {
    const port = await serverPort(h, (each) => each.send(each));
    for (const recordWires of [true, false]) {
      const page = await inspected(h, { recordWires });
      const io = opened(h, { host, port, plugin: { pass: passthrough() } });
      const { id } = clientOf(await shown(page, both('open')));
      await page.press(id, 'record');
      io.write('x');
      await h.until(() => io.inBytes === 1);
      const { entries } = parseRecording((await page.ask({ path: `recordings/${id}.txt` })).body);
      expect(new Set(entries.map(({ line }) => line))).toEqual(
        new Set(recordWires ? ['app', 'to wire', 'wire', 'to app'] : ['app', 'to app']),
      );
      page.stop();
      io.reset();
    }
  });

  spec('free their recordings when the page is stopped', async (h) => {
    const page = await inspected(h);
    opened(h, { host, port: await serverPort(h) });
    const [first] = await shown(page, both('open'));
    await page.press(first?.id ?? 0, 'record');
    page.stop();
    expect(hasSubscribers('signal')).toBe(false);
  });
});
