import { concat, finalize, firstValueFrom, map, mergeMap, NEVER, Subject, switchMap, tap, throwError, type Observable } from 'rxjs';
import { connect, converse, type IOStream, tlsClient } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { startTls } from '../../src/stream/start-tls.ts';
import * as certificates from '../support/certificates.ts';
import { serving } from '../support/clients.ts';
import { spec } from '../support/spec.ts';
import { VERSIONS } from '../support/tls-pair.ts';
import { closedReport, streamPair, ticks, turns } from './tools.ts';
import { ask, CLIENT, grant, grants, open, SERVER } from './start-tls-tools.ts';

const { ca } = certificates;

describe('startTls', () => {
  spec.each(VERSIONS)('upgrades both ends of a connection, %s', async (h, maxVersion) => {
    const [a, b] = await open(h);
    const far = h.observed(concat(grant(b), startTls(b, { ...SERVER, maxVersion })), 'the server');
    const answer: string[] = [];
    const near = h.observed(
      ask(a).pipe(
        tap((line) => answer.push(line)),
        switchMap(() => startTls(a, CLIENT)),
      ),
      'the client',
    );
    const [client, service] = [await near.value(), await far.value()];
    expect(answer).toStrictEqual(['220 go\r\n']);
    expect(client.details.tls.protocol).toBe(maxVersion);
    expect(service.details.tls.servername).toBe('localhost');
    for (const old of [a, b]) expect([old.state, (await closedReport(old)).by]).toStrictEqual(['closed', 'upgraded']);
    expect([(await closedReport(a)).bytesIn, (await closedReport(a)).bytesOut]).toStrictEqual([8, 10]);
    const [asked, answered] = [h.observed(service.data$), h.observed(client.data$)];
    client.write('question');
    await h.until(() => Buffer.concat(asked.values).toString() === 'question');
    service.end('answer');
    await Promise.all([near.ended, far.ended]);
    expect(Buffer.concat(answered.values).toString()).toBe('answer');
    expect([near.state, far.state, (await closedReport(client)).by]).toStrictEqual(['complete', 'complete', 'peer']);
  });

  spec('checks the certificate against an IPv6 address without its brackets', async (h) => {
    const port = await grants(h, '', undefined, '::1');
    const secured = connect({ host: '[::1]', port }).pipe(mergeMap((io) => ask(io).pipe(mergeMap(() => startTls(io, { ca })))));
    const { details } = await h.observed(secured).value();
    expect(details.tls.authorized).toBe(true);
  });

  spec('checks the certificate against the host of the stream, which is also the server name', async (h) => {
    const names: unknown[] = [];
    const port = await grants(h, '', (secure) => {
      secure.on('secure', () => names.push((secure as { servername?: unknown }).servername));
      secure.pipe(secure);
    });
    const lookup = (_: string, __: unknown, done: (error: null, all: object[]) => void): void =>
      done(null, [{ address: '127.0.0.1', family: 4 }]);
    const secured = (host: string): Observable<IOStream> =>
      connect({ host, port, lookup: lookup as never }).pipe(mergeMap((io) => ask(io).pipe(mergeMap(() => startTls(io, { ca })))));
    const good = h.observed(secured('localhost'));
    const io = await good.value();
    expect(io.remotePort === port && io.details.tls?.authorized === true).toBe(true);
    const echo = h.observed(io.data$);
    io.write('hello');
    await h.until(() => Buffer.concat(echo.values).toString() === 'hello');
    io.end();
    await good.ended;
    expect(names).toStrictEqual(['localhost']);
    const bad = h.observed(secured('other.test'));
    await bad.ended;
    h.error(bad.error, { code: 'ETLSCERT', phase: 'handshake', layer: 'tls' });
  });

  spec('is cold, and errors if the stream has a reader or queued bytes, or is not open', async (h) => {
    const [a, b] = await open(h);
    const upgrade$ = startTls(a, CLIENT);
    await turns();
    expect(a.state).toBe('open');
    const failure = async (): Promise<unknown> => {
      const upgrade = h.observed(upgrade$);
      await upgrade.ended;
      expect(upgrade.values.length).toBe(0);
      return upgrade.error;
    };
    const readers: Record<string, () => Observable<unknown>> = {
      data$: () => a.data$,
      consume: () => a.consume(() => []),
      converse: () => ask(a),
    };
    for (const [name, read] of Object.entries(readers)) {
      const reader = h.observed(read());
      expect(String(await failure()), name).toMatch(/TypeError: startTls: expected a stream without readers/);
      reader.unsubscribe();
      await turns();
    }
    b.pause();
    a.write('not yet');
    expect(String(await failure())).toMatch(/TypeError: startTls: expected a stream without pending bytes, got 7/);
    b.resume();
    await turns();
    a.end();
    await ticks();
    h.error(await failure(), { code: 'ECLOSED', phase: 'handshake', layer: 'tls' });
    a.reset();
    h.error(await failure(), { code: 'ECLOSED' });
  });

  spec('closes the wire when it is unsubscribed in the handshake', async (h) => {
    const [a, b] = await open(h);
    h.watch(b);
    const upgrade = h.observed(startTls(a, CLIENT));
    await h.until(() => b.inBuf.length > 0, 'the ClientHello comes');
    upgrade.unsubscribe();
    const { by } = await closedReport(b);
    expect(by === 'error' || by === 'peer', by).toBe(true);
    expect((await closedReport(a)).by).toBe('upgraded');
  });

  spec('copies the options, the callback and the own fields to the new stream', async (h) => {
    const masks: number[] = [];
    const cb = h.cb((io: IOStream, mask) => masks.push(io.details.tls ? mask : -mask));
    const [a, b] = streamPair(h, { cb, waitFor: 2, timeouts: { write: 7777 }, Name: 'a', highWaterMark: 1234 } as object);
    await h.until(() => a.state === 'open' && b.state === 'open');
    (a as IOStream & { Name: string }).Name = 'renamed';
    const near = h.observed(startTls(a as IOStream & { Name: string }, CLIENT));
    const far = h.observed(startTls(b, SERVER));
    const [secure] = await Promise.all([near.value(), far.value()]);
    expect([secure.Name, secure.timeouts.write, secure.waitFor, secure.cb]).toStrictEqual(['renamed', 7777, 2, cb]);
    expect(masks, 'CONNECTED of each').toStrictEqual([-2, 2]);
    expect(Object.keys(secure.plugin)).toStrictEqual(['tls']);
  });

  spec('upgrades a stream in a handler of listen', async (h) => {
    const { at, errors } = await serving(h, (io) =>
      concat(
        grant(io),
        startTls(io, SERVER).pipe(
          switchMap((secure) =>
            secure.send(secure.data$.pipe(map((bytes) => bytes.toString().toUpperCase()))).pipe(finalize(() => secure.end())),
          ),
        ),
      ),
    );
    const client = h.observed(connect(at).pipe(mergeMap((io) => ask(io).pipe(mergeMap(() => startTls(io, CLIENT))))));
    const io = await client.value();
    const loud = h.observed(io.data$);
    io.end('quiet');
    await loud.ended;
    expect(Buffer.concat(loud.values).toString()).toBe('QUIET');
    await client.ended;
    expect([client.state, errors.values]).toStrictEqual(['complete', []]);
  });

  spec('resets the new stream when the handler errors', async (h) => {
    const failed$ = new Subject<void>();
    const failing = (secure: IOStream): Observable<unknown> => (
      secure.write('half'),
      failed$.pipe(mergeMap(() => throwError(() => new Error('a bug'))))
    );
    const { at, errors } = await serving(h, (io) => concat(grant(io), startTls(io, SERVER).pipe(switchMap(failing))));
    const client = connect(at).pipe(mergeMap((io) => ask(io).pipe(mergeMap(() => startTls(io, CLIENT)))));
    const seen = h.observed(client.pipe(mergeMap((io) => io.data$)));
    await seen.value();
    failed$.next();
    await seen.ended;
    h.error(seen.error, { code: 'ECONNRESET', phase: 'read' });
    expect(errors.values).toEqual([new Error('a bug')]);
  });

  spec('keeps the stream with its server, which counts, drains and closes it', async (h) => {
    const served = (io: IOStream): Observable<unknown> => io.data$.pipe(finalize(() => io.end()));
    const { at, server, seen, errors } = await serving(h, (io) => concat(grant(io), startTls(io, SERVER).pipe(switchMap(served))));
    const dialled = (): Promise<IOStream> =>
      h.observed(connect(at).pipe(mergeMap((io) => ask(io).pipe(mergeMap(() => startTls(io, CLIENT)))))).value();
    const [first, second] = [await dialled(), await dialled()];
    expect(server.size).toBe(2);
    const drained = h.observed(server.drain({ deadline: 60_000 }));
    first.end();
    await h.until(() => server.size === 1);
    expect(drained.values).toStrictEqual([]);
    const data = h.observed(second.data$);
    seen.unsubscribe();
    await data.ended;
    await drained.ended;
    expect([data.state, drained.values, errors.values]).toStrictEqual(['complete', [{ finished: 2, cut: 0 }], []]);
  });

  spec('upgrades a stream that uses TLS already', async (h) => {
    const [a, b] = await open(h);
    const [far, near] = [h.observed(startTls(b, SERVER)), h.observed(startTls(a, CLIENT))];
    const [outer, outerService] = [await near.value(), await far.value()];
    const [innerFar, innerNear] = [h.observed(startTls(outerService, SERVER)), h.observed(startTls(outer, CLIENT))];
    const [inner, service] = [await innerNear.value(), await innerFar.value()];
    const got = firstValueFrom(service.data$);
    inner.write('twice');
    expect((await got).toString()).toBe('twice');
  });

  spec('starts after a conversation that sends the go-ahead last', async (h) => {
    const { at, errors } = await serving(h, (io) =>
      converse(io, function* (link) {
        yield* link.readUntil('\r\n', 64);
        link.send('220 go\r\n');
      }).pipe(
        switchMap(() => startTls(io, SERVER)),
        switchMap((secure) => secure.send(secure)),
      ),
    );
    const client = h.observed(connect(at).pipe(mergeMap((io) => ask(io).pipe(mergeMap(() => startTls(io, CLIENT))))));
    const io = await client.value();
    const echo = h.observed(io.data$);
    io.end('hello');
    await echo.ended;
    expect([Buffer.concat(echo.values).toString(), errors.values]).toStrictEqual(['hello', []]);
  });

  spec('ends the new stream of a push-only handler when the client has ended', async (h) => {
    const { at, server, errors } = await serving(h, (io) =>
      concat(
        grant(io),
        startTls(io, SERVER).pipe(
          switchMap((secure) => {
            secure.write('pushed');
            return NEVER;
          }),
        ),
      ),
    );
    const client = h.observed(connect(at).pipe(mergeMap((io) => ask(io).pipe(mergeMap(() => startTls(io, CLIENT))))));
    const io = await client.value();
    const pushed = h.observed(io.data$);
    await h.until(() => pushed.values.length > 0);
    io.end();
    await h.until(() => server.size === 0, 'the server has no connection');
    await client.ended;
    expect([pushed.state, errors.values]).toStrictEqual(['complete', []]);
  });

  spec.each(['rejectUnauthorized', 'servername', 'isServer'])('reads no option from Object.prototype: %s', async (h, name) => {
    const [a, b] = await open(h);
    const far = h.observed(startTls(b, name === 'rejectUnauthorized' ? { ...certificates.selfSigned, isServer: true } : SERVER));
    const prototype = Object.prototype as Record<string, unknown>;
    prototype[name] = { rejectUnauthorized: false, servername: 'other.test', isServer: true }[name];
    try {
      const near = h.observed(startTls(a, CLIENT));
      if (name === 'rejectUnauthorized') {
        await near.ended;
        h.error(near.error, { code: 'ETLSCERT' });
      } else expect((await near.value()).details.tls.authorized).toBe(true);
    } finally {
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete
      delete prototype[name];
    }
    far.unsubscribe();
  });

  spec('throws a TypeError at the call for invalid arguments', async (h) => {
    const [a] = await open(h);
    expect(() => startTls(JSON.parse('{}') as IOStream)).toThrow(/TypeError|expected `io` to be an IOStream/);
    expect(() => startTls(a, { ca })).toThrow(/expected `servername`/);
    expect(() => startTls(a, { isServer: 1 as never })).toThrow(/expected `isServer`/);
    expect(() => startTls(a, tlsClient({ servername: 'localhost' }) as object)).toThrow(
      /^startTls: expected the options of TLS, got a function; give what tlsClient\(\) or tlsServer\(\) take/,
    );
    expect(() => startTls(a, { isServer: true })).toThrow(/expected `key` and `cert`/);
    expect(() => startTls(a, { ...CLIENT, truncation: 'no' as 'error' })).toThrow(/expected `truncation`/);
    startTls(a, { rejectUnauthorized: false });
    expect(a.state).toBe('open');
  });
});
