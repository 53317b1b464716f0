import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AlwaysOffSampler, SamplingDecision, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { AsyncLocalStorage } from 'node:async_hooks';
import { lastValueFrom, map, mergeMap, NEVER, take, tap, timer } from 'rxjs';
import { describe, expect } from 'vitest';
import {
  acceptProxyProtocol,
  connect,
  httpProxy,
  IOStream,
  mux,
  open,
  openTls,
  startTls,
  tlsClient,
  tlsServer,
  type Lookup,
} from 'rxjs-io-stream';
import * as certificates from '../support/certificates.ts';
import { blackHole } from '../support/black-hole.ts';
import { client, serving } from '../support/clients.ts';
import { nodeProxy } from '../support/http-proxies.ts';
import { deadPort, served, type Place } from '../support/loopback.ts';
import { nodeTlsServer } from '../support/node-tls-server.ts';
import { spec } from '../support/spec.ts';
import { telemetry, type Telemetry } from '../support/telemetry.ts';

const host = '127.0.0.1';

/** A lookup function that answers with these addresses. */
const knows =
  (...addresses: readonly string[]): Lookup =>
  (_host, _options, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: 4 })),
    );
const portIn = (place: Place): number => ('port' in place ? place.port : 0);
const parentOf = (span: ReadableSpan): string | undefined => span.parentSpanContext?.spanId;
const childrenOf = (seen: Telemetry, parent: ReadableSpan): readonly ReadableSpan[] =>
  seen.spans.filter((span) => parentOf(span) === parent.spanContext().spanId);
/** Dials until the stream is closed. */
const closing = (h: { until: (passes: () => boolean) => Promise<void> }, io: IOStream): Promise<void> =>
  h.until(() => io.state === 'closed');

describe('the span of a connection', () => {
  spec('has a child for the lookup, the attempt and each handshake, and ends with the connection', async (h) => {
    const seen = telemetry(h, { attributes: { 'peer.service': 'echo' } });
    const echo = await nodeTlsServer(h, { ALPNProtocols: ['echo'] }, (socket) => socket.pipe(socket));
    const { port: proxyPort } = await nodeProxy(h, { credentials: 'user:opensesame' });
    h.secret('opensesame');
    const plugin = {
      tls: tlsClient({ ca: certificates.ca, servername: 'localhost', ALPNProtocols: ['echo'] }),
      proxy: httpProxy({ host: 'proxy.test', port: proxyPort, user: 'user', pass: 'opensesame' }),
    };
    const echo$ = connect({ host, port: portIn(echo), lookup: knows(host), plugin, outBuf: 'hello' }, (io) => io.data$.pipe(take(1)));
    h.sameBytes([await lastValueFrom(echo$)], 'hello');

    const span = seen.span(`connection ${host}:${portIn(echo)}`);
    expect(span.kind).toBe(SpanKind.CLIENT);
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.attributes).toEqual({
      'peer.service': 'echo',
      'server.address': host,
      'server.port': portIn(echo),
      'network.transport': 'tcp',
      'network.type': 'ipv4',
      'network.peer.address': host,
      'network.peer.port': proxyPort, // the server is behind the proxy
      'rxjs_io_stream.layers': ['tls', 'proxy'],
      'rxjs_io_stream.closed_by': 'us',
      'rxjs_io_stream.bytes_received': 5,
      'rxjs_io_stream.bytes_sent': 5,
      'rxjs_io_stream.bytes_unsent': 0,
      'tls.established': true,
      'tls.protocol.name': 'tls',
      'tls.protocol.version': '1.3',
      'tls.cipher': expect.stringMatching(/^TLS_/),
      'tls.next_protocol': 'echo',
      'tls.resumed': false,
    });
    const children = childrenOf(seen, span);
    expect(children.map(({ name, attributes, status }) => [name, attributes, status.code])).toEqual([
      ['DNS lookup proxy.test', { 'peer.service': 'echo', 'dns.question.name': 'proxy.test', 'dns.answers': [host] }, SpanStatusCode.UNSET],
      [
        `socket connect ${host}:${proxyPort}`,
        {
          'peer.service': 'echo',
          'network.peer.address': host,
          'network.peer.port': proxyPort,
          'network.transport': 'tcp',
          'network.type': 'ipv4',
        },
        SpanStatusCode.UNSET,
      ],
      ['handshake proxy', { 'peer.service': 'echo', 'rxjs_io_stream.layer': 'proxy' }, SpanStatusCode.UNSET],
      ['handshake tls', { 'peer.service': 'echo', 'rxjs_io_stream.layer': 'tls' }, SpanStatusCode.UNSET],
    ]);
    expect(children.every((child) => child.kind === SpanKind.INTERNAL && child.ended)).toBe(true);
    expect(await seen.text()).not.toContain('opensesame');
  });

  spec('has the code of the error that ended it', async (h) => {
    const seen = telemetry(h);
    const port = await deadPort();
    await expect(open({ host, port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const span = seen.span(`connection ${host}:${port}`);
    const attempt = seen.span(`socket connect ${host}:${port}`);
    for (const failed of [span, attempt]) {
      expect(failed.attributes['error.type']).toBe('ECONNREFUSED');
      expect(failed.status).toMatchObject({ code: SpanStatusCode.ERROR, message: expect.stringContaining('ECONNREFUSED') });
    }
    expect(span.attributes['rxjs_io_stream.closed_by']).toBe('error');
    expect(span.events).toMatchObject([{ name: 'exception', attributes: { 'exception.type': 'ECONNREFUSED' } }]);
  });

  spec('fails at the layer whose handshake fails, and not at those above', async (h) => {
    const seen = telemetry(h);
    const target = await nodeTlsServer(h, certificates.selfSigned);
    const plugin = { above: tlsClient({ ca: certificates.ca }), tls: tlsClient({ ca: certificates.ca, servername: 'localhost' }) };
    await expect(open({ host, port: portIn(target), plugin })).rejects.toMatchObject({ code: 'ETLSCERT', layer: 'tls' });
    expect(seen.span('handshake tls').attributes['error.type']).toBe('ETLSCERT');
    expect(seen.spans.map(({ name }) => name)).not.toContain('handshake above');
    expect(seen.span(`connection ${host}:${portIn(target)}`).attributes['error.type']).toBe('ETLSCERT');
  });

  spec('has a failed lookup', async (h) => {
    const seen = telemetry(h);
    const lookup: Lookup = (_host, _options, callback) => callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []);
    await expect(open({ host: 'nowhere.test', port: 7, lookup })).rejects.toMatchObject({ code: 'EDNS' });
    const span = seen.span('DNS lookup nowhere.test');
    expect(span.attributes).toEqual({ 'dns.question.name': 'nowhere.test', 'error.type': 'EDNS' });
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
  });

  spec('has each address that was tried', async (h) => {
    const seen = telemetry(h);
    const { at } = await serving(h, () => timer(0));
    // Nothing listens at the first; the second connects.
    const io = await open({ host: 'two.test', port: at.port, lookup: knows('127.0.0.2', host) });
    expect(seen.span(`socket connect 127.0.0.2:${at.port}`).attributes['error.type']).toBe('ECONNREFUSED');
    expect(seen.span(`socket connect ${host}:${at.port}`).status.code).toBe(SpanStatusCode.UNSET);
    io.close();
    await closing(h, io);
    const { attributes } = seen.span(`connection two.test:${at.port}`);
    expect(attributes).toMatchObject({ 'server.address': 'two.test', 'network.peer.address': host });
  });

  spec('ends the attempt at an address that lost the race when another one connects, without an error', async (h) => {
    const seen = telemetry(h);
    const { port } = await blackHole(h); // does not answer; the other address is tried 250 ms later
    await serving(h, () => NEVER, { host: '127.0.0.2', port });
    const io = await open({ host: 'two.test', port, lookup: knows(host, '127.0.0.2') });
    expect(seen.span(`socket connect ${host}:${port}`).status.code).toBe(SpanStatusCode.UNSET);
    expect(seen.span(`socket connect 127.0.0.2:${port}`).attributes['network.peer.address']).toBe('127.0.0.2');
    io.reset();
    await closing(h, io);
  });

  spec('reports an error that is not fatal as an event', async (h) => {
    const seen = telemetry(h);
    const place = await served(h, (socket) => socket.resume().on('end', () => socket.end()));
    const io = new IOStream({ host, port: portIn(place), waitFor: 0, outBufLimit: 1, cb: h.cb() });
    io.write('xx');
    io.write('rejected');
    await h.until(() => io.state === 'open');
    io.close();
    await closing(h, io);
    const span = seen.span(`connection ${host}:${portIn(place)}`);
    expect(span.events).toMatchObject([{ name: 'exception', attributes: { 'exception.type': 'EOUTBUFLIMIT' } }]);
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.attributes).not.toHaveProperty('error.type');
  });

  spec('is a child of the span that was active at the dial, and leaves the context of callbacks as it is', async (h) => {
    const seen = telemetry(h);
    const { at } = await serving(h, (io) => io.send(io));
    const job = seen.tracerProvider.getTracer('spec').startSpan('job');
    const contexts: unknown[] = [];
    const echo$ = connect({ ...at, outBuf: 'x' }, (io) =>
      io.data$.pipe(
        take(1),
        tap(() => contexts.push(trace.getActiveSpan())),
      ),
    );
    await context.with(trace.setSpan(ROOT_CONTEXT, job), () => lastValueFrom(echo$));
    expect(contexts).toEqual([job]);
    const span = seen.spans.find(({ name, kind }) => name === `connection ${host}:${at.port}` && kind === SpanKind.CLIENT)!;
    expect(parentOf(span)).toBe(job.spanContext().spanId);
    expect(span.spanContext().traceId).toBe(job.spanContext().traceId);
  });

  spec('makes no children if it is not sampled', async (h) => {
    const started: string[] = [];
    const sampler = new AlwaysOffSampler();
    sampler.shouldSample = (...args: unknown[]) => {
      started.push(args[2] as string);
      return { decision: SamplingDecision.NOT_RECORD };
    };
    const seen = telemetry(h, { sampler });
    const place = await served(h, (socket) => socket.end());
    const io = new IOStream({ host: 'known.test', port: portIn(place), lookup: knows(host) });
    await closing(h, io);
    expect(seen.spans).toEqual([]);
    expect(started).toEqual([`connection known.test:${portIn(place)}`]);
  });

  spec('ends as upgraded when TLS takes the connection over, which then has a span of its own', async (h) => {
    const seen = telemetry(h);
    const target = await nodeTlsServer(h, {}, (socket) => socket.end('secret\n'));
    const plain = await open({ host, port: portIn(target) });
    const secured = await openTls(plain, { ca: certificates.ca, servername: 'localhost' });
    secured.data$.subscribe();
    await closing(h, secured);
    expect(seen.span(`connection ${host}:${portIn(target)}`).attributes['rxjs_io_stream.closed_by']).toBe('upgraded');
    expect(seen.spans.at(-1)?.attributes).toMatchObject({ 'tls.established': true, 'rxjs_io_stream.bytes_received': 7 });
  });
});

describe('the span of an accepted connection', () => {
  spec('starts a trace, and is active in the handler and in all callbacks', async (h) => {
    const seen = telemetry(h);
    const tracer = seen.tracerProvider.getTracer('spec');
    const storage = new AsyncLocalStorage<string>();
    const startup = tracer.startSpan('startup');
    const inner = <T>(name: string) => tap<T>(() => tracer.startSpan(name).end());
    const { at } = await context.with(trace.setSpan(ROOT_CONTEXT, startup), () =>
      storage.run('kept', () =>
        serving(h, (io) => {
          tracer.startSpan(`handler in ${storage.getStore()}`).end();
          return io.data$.pipe(
            inner('chunk'),
            mergeMap((bytes) => timer(1).pipe(map(() => bytes))),
            inner('later'),
            mergeMap((bytes) => io.send([bytes])),
            take(1),
          );
        }),
      ),
    );
    const place = await lastValueFrom(
      connect({ ...at, outBuf: 'x' }, (io) =>
        io.data$.pipe(
          take(1),
          map(() => io.localPort),
        ),
      ),
    );
    await h.until(() => seen.spans.filter(({ name }) => name.startsWith('connection')).length === 2);
    const span = seen.spans.find(({ kind }) => kind === SpanKind.SERVER)!;
    expect(span.name).toBe(`connection ${host}:${at.port}`);
    expect(span.attributes).toMatchObject({
      'server.address': host,
      'server.port': at.port,
      'client.address': host,
      'client.port': place,
      'network.type': 'ipv4',
    });
    expect(parentOf(span)).toBeUndefined();
    expect(span.links.map((link) => link.context.spanId)).toEqual([startup.spanContext().spanId]);
    expect(childrenOf(seen, span).map(({ name }) => name)).toEqual(['handler in kept', 'chunk', 'later']);
  });

  spec('keeps the contexts of two connections apart', async (h) => {
    const seen = telemetry(h);
    const tracer = seen.tracerProvider.getTracer('spec');
    const { at } = await serving(h, (io) =>
      io.consume((bytes) => {
        tracer.startSpan(`got ${bytes.toString()}`).end();
        return io.send([bytes]);
      }),
    );
    const ask = (text: string) => lastValueFrom(connect({ ...at, outBuf: text }, (io) => io.data$.pipe(take(1))));
    await Promise.all([ask('a'), ask('b')]);
    await h.until(() => seen.spans.filter(({ kind }) => kind === SpanKind.SERVER).length === 2);
    const traces = ['got a', 'got b'].map((name) => seen.span(name).spanContext().traceId);
    expect(new Set(traces).size).toBe(2);
    expect(new Set(seen.spans.filter(({ kind }) => kind === SpanKind.SERVER).map((span) => span.spanContext().traceId))).toEqual(
      new Set(traces),
    );
  });

  spec('distinguishes the client in a header of the PROXY protocol from the other end of the socket', async (h) => {
    const seen = telemetry(h);
    const plugin = { proxied: acceptProxyProtocol({ trusted: [host] }) };
    const { at } = await serving(h, (io) => io.send(['x']), { plugin });
    const { socket } = await client(h, at);
    socket.end('PROXY TCP6 2001:db8::7 2001:db8::1 1111 443\r\n');
    await h.until(() => seen.spans.some(({ kind }) => kind === SpanKind.SERVER));
    expect(seen.spans.find(({ kind }) => kind === SpanKind.SERVER)).toMatchObject({
      name: 'connection [2001:db8::1]:443',
      attributes: {
        'client.address': '2001:db8::7',
        'client.port': 1111,
        'server.address': '2001:db8::1',
        'server.port': 443,
        'network.peer.address': host,
        'network.peer.port': expect.any(Number),
        'network.type': 'ipv4',
      },
    });
  });

  spec('is linked to that of the connection which TLS has taken over, or over which a mux carries it', async (h) => {
    const seen = telemetry(h);
    const { at } = await serving(h, (io) =>
      startTls(io, { isServer: true, ...certificates.server }).pipe(mergeMap((secured) => secured.send(['x']))),
    );
    const plain = await open(at);
    const secured = await openTls(plain, { ca: certificates.ca, servername: 'localhost' });
    h.sameBytes(await lastValueFrom(secured.data$.pipe(take(1))), 'x');
    secured.close();
    await h.until(() => seen.spans.filter(({ kind }) => kind === SpanKind.SERVER).length === 2);
    const [below, above] = seen.spans.filter(({ kind }) => kind === SpanKind.SERVER);
    expect(below?.attributes['rxjs_io_stream.closed_by']).toBe('upgraded');
    expect(above?.links.map((link) => link.context)).toEqual([below?.spanContext()]);

    const tunnel = await serving(h, (io) => mux(io, { role: 'server' }, (stream) => stream.send(stream)).closed$);
    const io = await open(tunnel.at);
    const link = mux(io, { role: 'client' });
    await lastValueFrom(connect({ wire: link.wire(), outBuf: 'x' }, (stream) => stream.data$.pipe(take(1))));
    link.close();
    await h.until(() => seen.spans.filter(({ kind }) => kind === SpanKind.SERVER).length === 4);
    const [carried, carrier] = seen.spans.filter(({ kind }) => kind === SpanKind.SERVER).slice(2);
    expect(carrier?.name).toBe(`connection ${host}:${tunnel.at.port}`);
    expect(carried?.name).toBe('connection');
    expect(carried?.links.map(({ context: of }) => of)).toEqual([carrier?.spanContext()]);
  });

  spec('has the handshake of its TLS', async (h) => {
    const seen = telemetry(h);
    const { at } = await serving(h, (io) => io.send(['hi']), { plugin: { tls: tlsServer(certificates.server) } });
    const plugin = { tls: tlsClient({ ca: certificates.ca, servername: 'localhost' }) };
    await lastValueFrom(connect({ ...at, plugin }, (io) => io.data$));
    await h.until(() => seen.spans.some(({ kind }) => kind === SpanKind.SERVER));
    const span = seen.spans.find(({ kind }) => kind === SpanKind.SERVER)!;
    expect(span.attributes).toMatchObject({ 'tls.protocol.version': '1.3', 'server.port': at.port });
    expect(childrenOf(seen, span).map(({ name }) => name)).toEqual(['handshake tls']);
  });
});
