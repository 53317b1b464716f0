import { connect as dial } from 'node:net';
import { concat, mergeMap, of, Subject, tap, throwError } from 'rxjs';
import { connect, type Handler } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import * as certificates from '../../support/certificates.ts';
import { serving, client as tcpClient } from '../../support/clients.ts';
import { spec } from '../../support/spec.ts';

const { ca, server } = certificates;

describe('a listener with tlsServer', () => {
  spec('keeps listening, whatever its clients send', async (h) => {
    const plugin = { ssl: tlsServer(server) };
    const { at, errors, seen } = await serving(h, (io) => io.send(io), { plugin, timeouts: { handshake: 1000 } });
    const hello = Buffer.from('16030100050100000100', 'hex');
    const oversize = Buffer.concat([Buffer.from('1603017fff', 'hex'), Buffer.alloc(0x7fff, 1)]);
    const bad: Record<string, Buffer> = {
      garbage: Buffer.from('\0\u0001\u0002 garbage, garbage, garbage'),
      HTTP: Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      'an oversize ClientHello': oversize,
      'a ClientHello of one byte': hello,
    };
    for (const bytes of Object.values(bad)) {
      const { socket } = await tcpClient(h, at);
      socket.write(bytes);
    }
    const silent = await tcpClient(h, at);
    const gone = dial(at).on('connect', () => gone.resetAndDestroy());
    const good = h.observed(connect({ ...at, plugin: { ssl: tlsClient({ ca }) } }));
    const io = await good.value();
    const echo = h.observed(io.data$);
    io.end('good');
    await echo.ended;
    expect(Buffer.concat(echo.values).toString()).toBe('good');
    await h.until(() => silent.closed || silent.ended, 'the silent client is dropped');
    await h.until(() => errors.values.length >= 6);
    const codes = errors.values.map((error) => (error as { code: string }).code);
    expect(codes.filter((code) => code === 'ETLS').length >= 3, codes.join()).toBe(true);
    expect(
      codes.includes('ETOHANDSHAKE') && codes.every((code) => ['ETLS', 'ETOHANDSHAKE', 'ECONNRESET'].includes(code)),
      codes.join(),
    ).toBe(true);
    expect(seen.state).toBe('open');
  });
});

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('truncated data of a server over %s', (maxVersion) => {
  const failed$ = new Subject<void>();
  const error$ = failed$.pipe(mergeMap(() => throwError(() => new Error('a bug'))));

  spec.each<[how: string, handler: Handler]>([
    ['a reset', (io) => (io.write('half'), failed$.pipe(tap(() => io.reset())))],
    ['a reset with unsent bytes', (io) => (io.write(Buffer.alloc(2 ** 24)), failed$.pipe(tap(() => io.reset())))],
    ['an error of the handler', (io) => (io.write('half'), error$)],
    ['an error of the source of send', (io) => io.send(concat(of('half'), error$))],
  ])('is a reset for the client: %s', async (h, _, handler) => {
    const options = { plugin: { ssl: tlsServer({ ...server, maxVersion }) }, outBufLimit: 0 };
    const { at } = await serving(h, handler, options);
    const seen = h.observed(connect({ ...at, plugin: { ssl: tlsClient({ ca }) } }, (io) => io.data$));
    await seen.value();
    failed$.next();
    await seen.ended;
    h.error(seen.error, { code: 'ECONNRESET', phase: 'read' });
  });
});
