import { SpanKind } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { lastValueFrom, NEVER, take } from 'rxjs';
import { describe, expect } from 'vitest';
import { connect, listen, open, type Lookup } from 'rxjs-io-stream';
import { client, serving } from '../support/clients.ts';
import { deadPort, served, socketPath } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';
import { telemetry } from '../support/telemetry.ts';

const host = '127.0.0.1';
const CLIENT = 'rxjs_io_stream.client.connection';
const SERVER = 'rxjs_io_stream.server.connection';
const tcp = { 'network.transport': 'tcp', 'network.type': 'ipv4' };

describe('the metrics of connections', () => {
  spec('count the open ones of clients and of servers', async (h) => {
    const seen = telemetry(h);
    let accepted = 0;
    const { at } = await serving(h, () => {
      accepted += 1;
      return NEVER;
    });
    const ours = { 'server.address': host, 'server.port': at.port, ...tcp };
    const [a, b] = await Promise.all([open(at), open(at)]);
    await client(h, at); // of another program
    await h.until(() => accepted === 3);
    expect(await seen.points(`${CLIENT}.count`)).toEqual([{ attributes: ours, value: 2 }]);
    expect(await seen.points(`${SERVER}.count`)).toEqual([{ attributes: tcp, value: 3 }]);
    a.close();
    await h.until(() => a.state === 'closed');
    expect(await seen.points(`${CLIENT}.count`)).toEqual([{ attributes: ours, value: 1 }]);
    expect(await seen.points(`${CLIENT}.create_time`)).toEqual([{ attributes: ours, value: 2 }]);
    expect(await seen.points(`${CLIENT}.duration`)).toEqual([{ attributes: ours, value: 1 }]);
    b.reset();
    await h.until(() => b.state === 'closed');
    expect(await seen.points(`${CLIENT}.count`)).toEqual([{ attributes: ours, value: 0 }]);
  });

  spec('sum up the bytes that wait to be sent', async (h) => {
    const seen = telemetry(h);
    const place = await served(h, (socket) => socket.pause());
    const io = await open({ host, port: portIn(place) });
    const bytes = Buffer.alloc(8 * 1024 * 1024);
    io.write(bytes);
    await h.until(() => io.output.pending < bytes.length);
    const before = io.output.pending;
    const [point] = await seen.points(`${CLIENT}.pending`);
    const after = io.output.pending; // The kernel may take bytes meanwhile.
    expect(point).toEqual({ attributes: {}, value: expect.any(Number) as number });
    expect(point?.value).toBeLessThanOrEqual(before);
    expect(point?.value).toBeGreaterThanOrEqual(after);
    expect(point?.value).toBeGreaterThan(0);
    io.reset();
    await h.until(() => io.state === 'closed');
    expect(await seen.points(`${CLIENT}.pending`)).toEqual([{ attributes: {}, value: 0 }]);
  });

  spec('count the bytes of open connections, and each byte once', async (h) => {
    const seen = telemetry(h, { attributes: { pod: 'a' } });
    const place = await served(h, (socket) =>
      socket.on('data', (bytes) => socket.write(Buffer.concat([bytes, bytes]))).on('end', () => socket.end()),
    );
    const io = await open({ host, port: portIn(place) });
    const ours = { pod: 'a', 'server.address': host, 'server.port': portIn(place), ...tcp };
    const expected = (received: number, sent: number) => [
      { attributes: { ...ours, 'network.io.direction': 'receive' }, value: received },
      { attributes: { ...ours, 'network.io.direction': 'transmit' }, value: sent },
    ];
    const exchange = async (text: string): Promise<void> => {
      const before = io.inBytes;
      io.write(text);
      await h.until(() => io.inBytes === before + 2 * text.length && io.output.pending === 0);
    };
    io.data$.subscribe();
    await exchange('hello');
    expect(await seen.points(`${CLIENT}.io`)).toEqual(expected(10, 5));
    expect(await seen.points(`${CLIENT}.io`)).toEqual(expected(10, 5));
    await exchange('more');
    io.close();
    await h.until(() => io.state === 'closed');
    expect(await seen.points(`${CLIENT}.io`)).toEqual(expected(18, 9));
  });

  spec('count errors by their codes, also those before the connection', async (h) => {
    const seen = telemetry(h);
    const port = await deadPort();
    for (let attempt = 0; attempt < 2; attempt += 1) await expect(open({ host, port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const attributes = { 'server.address': host, 'server.port': port, 'network.transport': 'tcp', 'error.type': 'ECONNREFUSED' };
    expect(await seen.points(`${CLIENT}.errors`)).toEqual([{ attributes, value: 2 }]);
    expect(await seen.points(`${CLIENT}.create_time`)).toEqual([]);
    expect(await seen.points(`${CLIENT}.duration`)).toEqual([]);
  });

  spec('measure lookups as the conventions name them', async (h) => {
    const seen = telemetry(h);
    const place = await served(h, (socket) => socket.end());
    const lookup: Lookup = (name, _options, callback) =>
      name === 'known.test'
        ? callback(null, [{ address: host, family: 4 }])
        : callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []);
    const target = { port: portIn(place), lookup };
    await lastValueFrom(
      connect({ ...target, host: 'known.test' }, (io) => io.data$),
      { defaultValue: undefined },
    );
    await expect(open({ ...target, host: 'unknown.test' })).rejects.toMatchObject({ code: 'EDNS' });
    expect(await seen.points('dns.lookup.duration')).toEqual([
      { attributes: { 'dns.question.name': 'known.test' }, value: 1 },
      { attributes: { 'dns.question.name': 'unknown.test', 'error.type': 'EDNS' }, value: 1 },
    ]);
  });

  spec('name a UNIX socket by its path, and not as TCP', async (h) => {
    const seen = telemetry(h);
    const path = socketPath(h);
    await h.observed(listen({ path }, (io) => io.send(io))).value();
    await lastValueFrom(connect({ path, outBuf: 'x' }, (io) => io.data$.pipe(take(1))));
    const ours = { 'server.address': path, 'network.transport': 'unix' };
    expect(await seen.points(`${CLIENT}.duration`)).toEqual([{ attributes: ours, value: 1 }]);
  });

  spec('count connections that a server drops, by the rule', async (h) => {
    const seen = telemetry(h);
    const { at, errors } = await serving(h, () => NEVER, { admit: { deny: ['127.0.0.1'] } });
    await client(h, at);
    await client(h, at);
    await h.until(() => errors.values.length === 2);
    expect(await seen.points(`${SERVER}.rejected`)).toEqual([{ attributes: { 'rxjs_io_stream.rule': 'deny' }, value: 2 }]);
    expect(await seen.points(`${SERVER}.count`)).toEqual([]);
  });

  spec('have no address of a client: anybody could fill the memory with them', async (h) => {
    const seen = telemetry(h);
    const { at } = await serving(h, (io) => io.send(io));
    for (const localAddress of ['127.0.0.1', '127.0.0.2', '127.0.0.3'])
      await lastValueFrom(connect({ ...at, localAddress, outBuf: 'x' }, (io) => io.data$.pipe(take(1))));
    await h.until(() => seen.spans.filter(({ kind }) => kind === SpanKind.SERVER).length === 3);
    expect(await seen.points(`${SERVER}.duration`)).toEqual([{ attributes: tcp, value: 3 }]);
  });

  spec('reach Prometheus, which scrapes them over HTTP', async (h) => {
    const reader = new PrometheusExporter({ preventServerStart: true });
    const seen = telemetry(h, { reader });
    const http = createServer((request, response) => reader.getMetricsRequestHandler(request, response)).listen(0, host);
    h.defer(() => http.close());
    await once(http, 'listening');
    const { at } = await serving(h, () => NEVER);
    const io = await open(at);
    io.write('hello');
    await h.until(() => io.output.pending === 0);
    const response = await fetch(`http://${host}:${(http.address() as AddressInfo).port}/metrics`, { headers: { connection: 'close' } });
    const lines = (await response.text()).split('\n');
    const labels = ['otel_scope_name="rxjs-io-stream"', `server_address="${host}"`, `server_port="${at.port}"`, 'network_type="ipv4"'];
    const find = (name: string) => lines.find((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)));
    expect(find('rxjs_io_stream_client_connection_count')).toMatch(/} 1$/);
    expect(find('rxjs_io_stream_client_connection_create_time_count')).toMatch(/} 1$/);
    expect(find('rxjs_io_stream_client_connection_io_total')).toMatch(/network_io_direction="transmit".*} 5$/);
    expect(await seen.points(`${CLIENT}.io`)).toHaveLength(1); // a second reader sees the same bytes
    io.reset();
  });
});

function portIn(place: object): number {
  return (place as { readonly port: number }).port;
}
