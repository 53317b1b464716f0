import { IOStream, passthrough, startTls, tlsClient, tlsServer, type DiagnosticsMessages } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { drop } from '../../src/stream/drop.ts';
import { internalsOf } from '../../src/stream/stream-fields.ts';
import { nodeTlsOf } from '../../src/plugins/tls/node-tls.ts';
import { record } from '../../src/testing/recording/record.ts';
import type { Recording } from '../../src/testing/recording/recording.ts';
import { ca, server as certificate } from '../support/certificates.ts';
import { published, type Published } from '../support/diagnosed.ts';
import { spec } from '../support/spec.ts';
import { closedReport, connectedToPeer, resetAtEnd, serve, streamPair, ticks } from './tools.ts';

type Signal = DiagnosticsMessages['connection:signal'];

/** The signals of one stream: `app: data 5`. */
function linesOf(all: readonly Published[], io: IOStream, ...lines: readonly Signal['line'][]): string[] {
  const mine = all.filter(({ name, message }) => name === 'connection:signal' && message.stream === io);
  return mine
    .map(({ message }) => message as Signal)
    .filter(({ line }) => lines.length === 0 || lines.includes(line))
    .map(
      ({ line, signal }) =>
        `${line}: ${signal.kind}${'bytes' in signal ? ` ${Number(signal.bytes) || (signal.bytes as Uint8Array).length}` : ''}`,
    );
}

/** A signal with its bytes as text: a Buffer is not equal to a Uint8Array. */
const plain = (signal: Signal['signal']): object =>
  signal.kind === 'data' ? { ...signal, bytes: Buffer.from(signal.bytes).toString() } : signal;

describe('connection:signal', () => {
  spec('carries the signals of a stream without plugins on all four lines', async (h) => {
    const all = published(h, 'connection:signal');
    const [a, b] = streamPair(h);
    a.end('hello');
    await ticks();
    b.end();
    await closedReport(a);
    expect(linesOf(all, a)).toEqual([
      'wire: connected',
      'to app: connected',
      'app: data 5',
      'to wire: data 5',
      'app: end',
      'to wire: end',
      'wire: sent 5',
      'to app: sent 5',
      'wire: end',
      'to app: end',
      'wire: complete',
      'to app: complete',
    ]);
  });

  spec('carries what `record` records at the same places', async (h) => {
    const all = published(h, 'connection:signal');
    const recordings: Recording[] = [];
    const plugin = { log: record({ sink: (recording) => recordings.push(recording), around: passthrough() }) };
    const { io, socket } = await connectedToPeer(h, { plugin });
    io.write('hello');
    io.pause();
    await h.until(() => io.outBytes === 5);
    io.resume();
    await ticks();
    socket.end('bye');
    await h.until(() => io.isEof);
    io.close();
    await closedReport(io);
    const [recording] = recordings;
    const signals = all.map(({ message }) => message as Signal);
    for (const line of ['app', 'to app', 'to wire', 'wire'] as const) {
      const expected = recording?.entries.filter((entry) => entry.line === line).map(({ signal }) => plain(signal));
      expect(signals.filter((each) => each.line === line).map(({ signal }) => plain(signal))).toEqual(expected);
    }
    expect(recording?.id).toBe(signals[0]?.id);
    const times = signals.map(({ at }) => at);
    expect(times).toEqual([...times].sort((one, other) => one - other));
  });

  spec('carries the signals of a live connection from the subscription on, at the stream', async (h) => {
    const { io, socket } = await connectedToPeer(h, { plugin: { noop: passthrough() } }, (peer) => peer.resume());
    io.write('before');
    await h.until(() => io.outBytes === 6);
    const all = published(h, 'connection:signal');
    io.write('after');
    socket.write('x');
    await h.until(() => io.inBytes === 1);
    expect(linesOf(all, io).filter((line) => line.includes('data'))).toEqual(['app: data 5', 'to app: data 1']);
  });

  spec('carries an error, and no signal that is sent after it', async (h) => {
    const all = published(h, 'connection:signal');
    const [a, b] = streamPair(h);
    h.watch(a);
    await ticks();
    b.reset();
    await closedReport(a);
    const [, toApp] = linesOf(all, a).slice(-2);
    expect(linesOf(all, a).slice(-2)).toEqual(['wire: error', 'to app: error']);
    expect(toApp).toBe('to app: error');
    expect(linesOf(all, b, 'app', 'to wire').at(-1)).toBe('to wire: error');
  });

  spec('carries `unsubscribed` when the stream drops its wire', async (h) => {
    const all = published(h, 'connection:signal');
    const [a, b] = streamPair(h);
    h.watch(b);
    await ticks();
    drop(internalsOf(a));
    await ticks();
    expect(linesOf(all, a).slice(-2)).toEqual(['app: unsubscribed', 'to wire: unsubscribed']);
  });

  spec('carries ciphertext on the lines of the wire below TLS, and plain text above', async (h) => {
    const all = published(h, 'connection:signal');
    const port = await serve(h, (socket) => resetAtEnd(h, new IOStream({ fh: socket, plugin: { ssl: tlsServer(certificate) } })));
    const io = new IOStream({ host: '127.0.0.1', port, plugin: { ssl: tlsClient({ ca, servername: 'localhost' }) } });
    resetAtEnd(h, io);
    io.write('a secret of the application');
    await h.until(() => io.outBytes > 0);
    await ticks();
    const textOf = (line: Signal['line']): string =>
      all
        .map(({ message }) => message as Signal)
        .filter((each) => each.stream === io && each.line === line && each.signal.kind === 'data')
        .map(({ signal }) => Buffer.from((signal as { bytes: Uint8Array }).bytes).toString('latin1'))
        .join('');
    expect(textOf('app')).toBe('a secret of the application');
    expect(textOf('to wire').length).toBeGreaterThan(200);
    expect(textOf('to wire')).not.toContain('secret');
  });

  spec('does not take TLS of Node off the socket of a connection that was dialled without a subscriber', async (h) => {
    const port = await serve(h, (socket) => resetAtEnd(h, new IOStream({ fh: socket, plugin: { ssl: tlsServer(certificate) } })));
    const io = new IOStream({ host: '127.0.0.1', port, plugin: { ssl: tlsClient({ ca, servername: 'localhost' }) } });
    resetAtEnd(h, io);
    await h.until(() => io.state === 'open');
    expect(nodeTlsOf(io.details.ssl)?.socket.remotePort).toBe(port);
  });

  spec('carries each signal once after an upgrade by startTls', async (h) => {
    const all = published(h, 'connection:signal');
    const [clear, far] = streamPair(h);
    await ticks();
    const upgraded = h.observed(startTls(far, { isServer: true, ...certificate }));
    const secure = await h.observed(startTls(clear, { ca, servername: 'localhost' })).value();
    const before = linesOf(all, clear).length;
    const accepted = await upgraded.value();
    secure.write('hello');
    await h.until(() => accepted.inBytes === 5);
    expect(linesOf(all, secure, 'app').filter((line) => line.includes('data'))).toEqual(['app: data 5']);
    expect(linesOf(all, clear).length).toBe(before);
  });
});
