import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { connect, EOF, IN, IOStream, listen, passthrough, SENT, tlsClient, tlsServer, type Lookup, type Wire } from 'rxjs-io-stream';
import { Observable } from 'rxjs';
import { describe, expect } from 'vitest';
import { nodeTlsOf } from '../../src/plugins/tls/node-tls.ts';
import { ca, server as certificate } from '../support/certificates.ts';
import { CONNECTION_CHANNELS, published, walkOf } from '../support/diagnosed.ts';
import { deadPort } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';
import { closedReport, connectedToPeer, resetAtEnd, serve, streamPair, ticks, unhandled } from './tools.ts';

const toBoth: Lookup = (_host, _options, done) =>
  done(null, [
    { address: '127.0.0.2', family: 4 },
    { address: '127.0.0.1', family: 4 },
  ]);

describe('the diagnostics of a connection', () => {
  spec('are published from the dial to the close, each with the number and the stream', async (h) => {
    const all = published(h, ...CONNECTION_CHANNELS);
    const { io } = await connectedToPeer(h, {}, (socket) => socket.on('end', () => socket.end()).resume());
    io.close();
    const report = await closedReport(io);
    expect(walkOf(all, io)).toEqual(['dial', 'attempt start', 'attempt connected', 'connected', 'closed']);
    const mine = all.filter(({ message }) => 'stream' in message && message.stream === io);
    const [dial, start, , connected, closed] = mine.map(({ message }) => message);
    const { id } = dial as { id: number };
    expect(mine.every(({ message }) => (message as { id: number }).id === id)).toBe(true);
    const target = { host: '127.0.0.1', port: io.port };
    expect(dial).toEqual({ id, stream: io, role: 'client', target, layers: [], startedAt: report.startedAt });
    expect(start).toEqual({ id, stream: io, address: '127.0.0.1', port: io.port, event: 'start' });
    expect(connected).toMatchObject({ remoteAddress: '127.0.0.1', remotePort: io.port, localAddress: '127.0.0.1' });
    expect((connected as { duration: number }).duration).toBeCloseTo((report.connectedAt ?? 0) - report.startedAt, -2);
    expect((closed as { report: unknown }).report).toBe(report);
  });

  spec('count connections from one number to the next', async (h) => {
    const all = published(h, 'connection:dial');
    const [a, b] = streamPair(h);
    await ticks();
    const [first, second] = all.map(({ message }) => message as { id: number; stream: unknown });
    expect([first?.stream, second?.stream]).toEqual([a, b]);
    expect(second?.id).toBe((first?.id ?? NaN) + 1);
  });

  spec('contain the lookup, and each attempt of the race', async (h) => {
    const port = await serve(h, (socket) => socket.resume(), '127.0.0.1');
    const all = published(h, 'connection:resolved', 'connection:attempt');
    const io = new IOStream({ host: 'two.test', port, lookup: toBoth });
    resetAtEnd(h, io);
    await h.until(() => io.state === 'open');
    const [resolved, ...attempts] = all.map(({ message }) => message);
    expect(resolved).toMatchObject({ host: 'two.test', ip: '127.0.0.2' });
    expect((resolved as { duration: number }).duration).toBeGreaterThanOrEqual(0);
    expect(attempts.map((each) => ({ ...each }))).toMatchObject([
      { address: '127.0.0.2', port, event: 'start' },
      { address: '127.0.0.2', port, event: 'failed', error: { code: 'ECONNREFUSED' } },
      { address: '127.0.0.1', port, event: 'start' },
      { address: '127.0.0.1', port, event: 'connected' },
    ]);
  });

  spec('contain a failed lookup, and the fatal error after it', async (h) => {
    const all = published(h, ...CONNECTION_CHANNELS);
    const lookup: Lookup = (_host, _options, done) => done(Object.assign(new Error('none'), { code: 'ENOTFOUND' }), []);
    const io = new IOStream({ host: 'none.test', port: 7, lookup });
    h.watch(io);
    await closedReport(io);
    expect(walkOf(all, io)).toEqual(['dial', 'resolved', 'error', 'closed']);
    expect(all[1]?.message).toMatchObject({ host: 'none.test', error: { code: 'EDNS' } });
    expect(all[2]?.message).toMatchObject({ fatal: true, error: { code: 'EDNS', phase: 'resolve' } });
  });

  spec('contain a refused attempt to a literal address', async (h) => {
    const all = published(h, 'connection:attempt', 'connection:error');
    const port = await deadPort();
    const seen = h.observed(connect({ host: '127.0.0.1', port }));
    await seen.ended;
    const error = { code: 'ECONNREFUSED' };
    expect(all.map(({ message }) => message)).toMatchObject([
      { event: 'start', address: '127.0.0.1', port },
      { event: 'failed', address: '127.0.0.1', port, error },
      { fatal: true, error },
    ]);
  });

  spec('contain the handshake of each layer, from the network upwards', async (h) => {
    const all = published(h, ...CONNECTION_CHANNELS);
    const ssl = tlsServer(certificate);
    const port = await serve(h, (socket) => resetAtEnd(h, new IOStream({ fh: socket, plugin: { ssl } })));
    const plugin = { top: passthrough(), ssl: tlsClient({ ca, servername: 'localhost' }), low: passthrough() };
    const io = new IOStream({ host: '127.0.0.1', port, plugin });
    resetAtEnd(h, io);
    await h.until(() => io.state === 'open');
    expect(walkOf(all, io)).toEqual([
      'dial',
      'attempt start',
      'attempt connected',
      'handshake low start',
      'handshake low done',
      'handshake ssl start',
      'handshake ssl done',
      'handshake top start',
      'handshake top done',
      'connected',
    ]);
    expect(all[0]?.message).toMatchObject({ layers: ['top', 'ssl', 'low'] });
  });

  spec('name the layer whose handshake failed, and no layer above or below it', async (h) => {
    const all = published(h, 'connection:handshake');
    const port = await serve(h, (socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    const plugin = { top: passthrough(), ssl: tlsClient({ ca, servername: 'localhost' }), low: passthrough() };
    const io = new IOStream({ host: '127.0.0.1', port, plugin });
    h.watch(io);
    await closedReport(io);
    expect(walkOf(all, io)).toEqual(['handshake low start', 'handshake low done', 'handshake ssl start', 'handshake ssl failed']);
    expect(all.at(-1)?.message).toMatchObject({ layer: 'ssl', error: { layer: 'ssl', phase: 'handshake' } });
  });

  spec('leave TLS of Node on the socket itself, although handshakes are watched', async (h) => {
    published(h, 'connection:handshake');
    const ssl = tlsServer(certificate);
    const port = await serve(h, (socket) => resetAtEnd(h, new IOStream({ fh: socket, plugin: { ssl } })));
    const io = new IOStream({ host: '127.0.0.1', port, plugin: { ssl: tlsClient({ ca, servername: 'localhost' }) } });
    resetAtEnd(h, io);
    await h.until(() => io.state === 'open');
    expect(nodeTlsOf(io.details.ssl)?.socket.remotePort).toBe(port);
  });

  spec('call accepted connections those of a server', async (h) => {
    const all = published(h, 'connection:dial', 'server:accept');
    const server = await h.observed(listen({ host: '127.0.0.1', port: 0 }, (io) => io.send(io))).value();
    const { port } = server.address as { port: number };
    const io = new IOStream({ host: '127.0.0.1', port });
    io.end();
    await closedReport(io);
    const accepted = all.find(({ message }) => 'role' in message && message.role === 'server')?.message as { id: number; stream: unknown };
    expect(accepted).toMatchObject({ role: 'server', target: undefined });
    expect(all.find(({ name }) => name === 'server:accept')?.message).toMatchObject({
      server,
      id: accepted.id,
      remoteAddress: '127.0.0.1',
    });
  });

  spec('contain pauses in both directions, each followed by its resume', async (h) => {
    const all = published(h, 'connection:pause', 'connection:resume');
    const [a, b] = streamPair(h, { outBufLimit: 0 }, { highWaterMark: 1024 }, { limit: 1024 });
    await ticks();
    a.write(Buffer.alloc(200_000));
    await ticks();
    expect(walkOf(all, b)).toEqual(['pause in']);
    const seen = h.observed(b.data$);
    await h.until(() => b.inBytes === 200_000);
    expect(seen.values.length).toBeGreaterThan(0);
    expect(walkOf(all, b).slice(0, 2)).toEqual(['pause in', 'resume in']);
    expect(walkOf(all, a).slice(0, 2)).toEqual(['pause out', 'resume out']);
    for (const walk of [walkOf(all, a), walkOf(all, b)]) expect(walk.filter((each, at) => each === walk[at - 1])).toEqual([]);
  });

  spec('contain no resume of a direction that was not paused, and no pause twice', async (h) => {
    const all = published(h, 'connection:pause', 'connection:resume');
    const signals = ['resume', 'pause', 'pause', 'resume', 'resume'] as const;
    const wire: Wire = () => () =>
      new Observable((up) => {
        up.next({ kind: 'connected', details: [{}] });
        for (const kind of signals) up.next({ kind });
      });
    const io = new IOStream({ wire });
    await ticks();
    expect(walkOf(all, io).filter((each) => each.endsWith('out'))).toEqual(['pause out', 'resume out']);
    io.reset();
  });

  spec('name a reached limit with its value and the bytes', async (h) => {
    const all = published(h, 'connection:limit', 'connection:error');
    const [a, b] = streamPair(h, { outBufLimit: 10, waitFor: SENT | EOF | IN, cb: h.cb() }, { waitFor: EOF, inBufLimit: 4, cb: h.cb() });
    a.write('0123456789');
    a.write('x');
    await ticks();
    expect(all.map(({ message }) => message)).toMatchObject([
      { stream: a, name: 'outBufLimit', limit: 10, bytes: 10 },
      { stream: a, fatal: false, error: { code: 'EOUTBUFLIMIT' } },
      { stream: b, name: 'inBufLimit', limit: 4, bytes: 10 },
      { stream: b, fatal: false, error: { code: 'EINBUFLIMIT' } },
    ]);
    expect(b.state).toBe('open');
  });

  spec('contain the close of a stream whose signal was aborted before the dial', async (h) => {
    const all = published(h, ...CONNECTION_CHANNELS);
    const io = new IOStream({ host: '127.0.0.1', port: 7, signal: AbortSignal.abort() });
    await closedReport(io);
    expect(walkOf(all, io)).toEqual(['dial', 'closed']);
  });

  spec('let a subscriber close the stream inside of the dial: nothing is dialled', async (h) => {
    let accepted = 0;
    const port = await serve(h, () => (accepted += 1));
    const all = published(h, ...CONNECTION_CHANNELS);
    const closeIt = (message: unknown): void => (message as { stream: IOStream }).stream.close();
    subscribe('rxjs-io-stream:connection:dial', closeIt);
    h.defer(() => unsubscribe('rxjs-io-stream:connection:dial', closeIt));
    const io = new IOStream({ host: '127.0.0.1', port });
    await closedReport(io);
    await ticks();
    expect([walkOf(all, io), accepted]).toEqual([['dial', 'closed'], 0]);
  });

  spec('report what a callback has thrown as a fatal error', async (h) => {
    const all = published(h, 'connection:error');
    const bug = new Error('a bug');
    const reported = unhandled(h);
    const [a, b] = streamPair(h, {}, { isFatal: () => true });
    h.watch(a);
    b.cb = () => {
      throw bug;
    };
    a.write('x');
    await h.until(() => reported.length > 0);
    expect(all.map(({ message }) => message)[0]).toMatchObject({ stream: b, error: bug, fatal: true });
  });
});
