import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { concat, finalize, firstValueFrom, ignoreElements, map, mergeMap, NEVER, switchMap, tap, type Observable } from 'rxjs';
import { connect, converse, framed, IOStream, lengthPrefixed, lines, openTls, tlsClient, type Codec } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { startTls, type StartTlsOptions } from '../../src/stream/start-tls.ts';
import * as certificates from '../support/certificates.ts';
import { serving } from '../support/clients.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { VERSIONS } from '../support/tls-pair.ts';
import { closing, joined, owned, serve, ticks, turns } from './tools.ts';

const { ca, server } = certificates;
const CLIENT: StartTlsOptions = { ca, servername: 'localhost' };
const SERVER: StartTlsOptions = { ...server, isServer: true };

/** Requests TLS in clear text, as clients of SMTP do. */
const ask = (io: IOStream): Observable<string> =>
  converse(io, function* (link) {
    link.send('STARTTLS\r\n');
    return Buffer.from(yield* link.readUntil('\r\n', 64)).toString();
  });
/** Accepts the request for TLS. Completes when the go-ahead is sent. */
const grant = (io: IOStream): Observable<never> =>
  concat(
    converse(io, function* (link) {
      yield* link.readUntil('\r\n', 64);
    }),
    io.send(['220 go\r\n']),
  ).pipe(ignoreElements());

/** A peer on loopback that accepts TLS, with more bytes in the same segment, and then uses TLS of Node. */
async function grants(
  h: Harness,
  more = '',
  each: (secure: TLSSocket) => void = (secure) => secure.pipe(secure),
  host?: string,
): Promise<number> {
  const grant = (socket: Socket): void => {
    socket.once('data', () => {
      socket.write(`220 go\r\n${more}`);
      const secure = new TLSSocket(socket, { ...server, isServer: true });
      h.defer(() => secure.destroy());
      each(secure.on('error', () => {}));
    });
  };
  return serve(h, grant, host);
}

/** Two open streams in memory. */
async function open(h: Harness): Promise<readonly [IOStream, IOStream]> {
  const [a, b] = joined(h, { Name: 'a' } as object);
  await h.until(() => a.state === 'open' && b.state === 'open');
  return [a, b];
}

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
    for (const old of [a, b]) expect([old.state, (await closing(old)).by]).toStrictEqual(['closed', 'upgraded']);
    expect([(await closing(a)).bytesIn, (await closing(a)).bytesOut]).toStrictEqual([8, 10]);
    const [asked, answered] = [h.observed(service.data$), h.observed(client.data$)];
    client.write('question');
    await h.until(() => Buffer.concat(asked.values).toString() === 'question');
    service.end('answer');
    await Promise.all([near.ended, far.ended]);
    expect(Buffer.concat(answered.values).toString()).toBe('answer');
    expect([near.state, far.state, (await closing(client)).by]).toStrictEqual(['complete', 'complete', 'peer']);
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

  spec('fails with EPROTOCOL if clear text follows the go-ahead, and leaves it unread', async (h) => {
    let secured = 0;
    const port = await grants(h, 'INJECTED', (secure) => secure.on('secure', () => (secured += 1)));
    const [io] = owned(h, new IOStream({ host: '127.0.0.1', port }));
    const upgrade = h.observed(ask(io).pipe(switchMap(() => startTls(io, CLIENT))));
    await upgrade.ended;
    h.error(upgrade.error, { code: 'EPROTOCOL', phase: 'handshake', layer: 'tls' });
    expect([io.state, io.inBuf.toString(), secured, upgrade.values]).toStrictEqual(['open', 'INJECTED', 0, []]);
  });

  spec('fails with ETLS if clear text arrives in the handshake', async (h) => {
    const port = await serve(h, (socket: Socket) => {
      socket.once('data', () => socket.write('220 go\r\n'));
      socket.once('data', () => socket.once('data', () => socket.write('INJECTED')));
    });
    const [io] = owned(h, new IOStream({ host: '127.0.0.1', port }));
    const upgrade = h.observed(ask(io).pipe(switchMap(() => startTls(io, CLIENT))));
    await upgrade.ended;
    h.error(upgrade.error, { code: 'ETLS', phase: 'handshake', layer: 'tls' });
    expect((await closing(io)).by).toBe('upgraded');
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
      expect(String(await failure()), name).toMatch(/TypeError: startTls: expected nobody to read/);
      reader.unsubscribe();
      await turns();
    }
    b.pause();
    a.write('not yet');
    expect(String(await failure())).toMatch(/TypeError: startTls: expected all bytes to have left, 7 have not/);
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
    const { by } = await closing(b);
    expect(by === 'error' || by === 'peer', by).toBe(true);
    expect((await closing(a)).by).toBe('upgraded');
  });

  spec('copies the options, the callback and the own fields to the new stream', async (h) => {
    const masks: number[] = [];
    const cb = h.cb((io: IOStream, mask) => masks.push(io.details.tls ? mask : -mask));
    const [a, b] = joined(h, { cb, waitFor: 2, timeouts: { write: 7777 }, Name: 'a', highWaterMark: 1234 } as object);
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

  describe('startTls after a codec', () => {
    /** Reads a greeting and a go-ahead with a codec. `more` arrives with the go-ahead. */
    async function framedGoAhead(
      h: Harness,
      codec: Codec<unknown, never>,
      greeting: string,
      goAhead: string,
      more: string,
    ): Promise<IOStream> {
      const port = await serve(h, (socket: Socket) => {
        socket.write(greeting);
        socket.once('data', () => {
          socket.write(`${goAhead}${more}`);
          const secure = new TLSSocket(socket, { ...server, isServer: true });
          h.defer(() => secure.destroy());
          secure.on('error', () => {}).pipe(secure);
        });
      });
      const [io] = owned(h, new IOStream({ host: '127.0.0.1', port }));
      const { messages$ } = framed(io, codec);
      await firstValueFrom(messages$);
      io.write('STARTTLS\r\n');
      await firstValueFrom(messages$);
      return io;
    }

    const numbered = lengthPrefixed({ bytes: 1, maxLength: 99 }) as Codec<unknown, never>;
    const injected: Record<
      string,
      readonly [codec: Codec<unknown, never>, greeting: string, goAhead: string, more: string, message: RegExp]
    > = {
      'an unread message': [lines({ maxLength: 99 }), '220 hi\r\n', '220 go\r\n', '250 INJECTED\r\n', /got 1 unread message:/],
      'several messages': [lines({ maxLength: 99 }), '220 hi\r\n', '220 go\r\n', 'a\r\nb\r\nc', /got 2 unread messages:/],
      'a part of a line': [lines({ maxLength: 99 }), '220 hi\r\n', '220 go\r\n', '250 INJ', /got an unread part of a message:/],
      'a part of a frame': [numbered, '\u0002hi', '\u0002go', '\u0005INJ', /got an unread part of a message:/],
      'a part of a length': [numbered, '\u0002hi', '\u0002go', '\u0005', /got an unread part of a message:/],
    };
    spec.each(Object.keys(injected))('fails with EPROTOCOL if the codec buffers %s', async (h, what) => {
      const [codec, greeting, goAhead, more, message] = injected[what]!;
      const io = await framedGoAhead(h, codec, greeting, goAhead, more);
      const upgrade = h.observed(startTls(io, CLIENT));
      await upgrade.ended;
      h.error(upgrade.error, { code: 'EPROTOCOL', phase: 'handshake', layer: 'tls' });
      expect((upgrade.error as Error).message).toMatch(message);
      expect([io.state, upgrade.values]).toStrictEqual(['open', []]);
      const again = h.observed(startTls(io, CLIENT));
      await again.ended;
      h.error(again.error, { code: 'EPROTOCOL' });
    });

    spec.each(['lines', 'frames'])('upgrades if the codec buffers nothing: %s', async (h, kind) => {
      const io =
        kind === 'lines'
          ? await framedGoAhead(h, lines({ maxLength: 99 }), '220 hi\r\n', '220 go\r\n', '')
          : await framedGoAhead(h, numbered, '\u0002hi', '\u0002go', '');
      const secure = await h.observed(startTls(io, CLIENT)).value();
      const echo = h.observed(secure.data$);
      secure.end('hello');
      await echo.ended;
      expect(Buffer.concat(echo.values).toString()).toBe('hello');
    });
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

describe('openTls', () => {
  spec('resolves with a stream that stays open until the caller closes it', async (h) => {
    const port = await grants(h);
    const [io] = owned(h, new IOStream({ host: '127.0.0.1', port }));
    await firstValueFrom(ask(io));
    const secure = await openTls(io, CLIENT);
    owned(h, secure);
    expect((await closing(io)).by).toBe('upgraded');
    await turns();
    expect([secure.state, secure.details.tls.authorized]).toStrictEqual(['open', true]);
    secure.end('hello');
    let got = '';
    for await (const bytes of secure) got += bytes.toString();
    expect(got).toBe('hello');
    secure.close();
    expect(secure.state === 'open').toBe(false);
  });

  spec('rejects with the error of the handshake, and with a TypeError for invalid arguments', async (h) => {
    const [a, b] = await open(h);
    await expect(openTls(JSON.parse('{}') as IOStream)).rejects.toThrow(/TypeError|openTls: expected `io` to be an IOStream/);
    await expect(openTls(a, { ca })).rejects.toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/openTls: expected `servername`/) }),
    );
    await expect(openTls(a, tlsClient({ ca }) as object)).rejects.toThrow(
      expect.objectContaining({
        name: 'TypeError',
        message: expect.stringMatching(/openTls: expected the options of TLS, got a function/),
      }),
    );
    expect(a.state).toBe('open');
    const far = openTls(b, SERVER).then(
      () => 'open',
      (error: unknown) => (error as { code: string }).code,
    );
    await expect(openTls(a, { ...CLIENT, servername: 'other.test' })).rejects.toThrow(
      expect.objectContaining({ code: 'ETLSCERT', phase: 'handshake' }),
    );
    await far;
    await expect(openTls(a, CLIENT)).rejects.toThrow(expect.objectContaining({ code: 'ECLOSED' }));
  });

  spec('upgrades a stream in a handler of listen, whose server counts it and closes it when it stops', async (h) => {
    const { at, server, seen, errors } = await serving(h, async (io) => {
      await firstValueFrom(grant(io), { defaultValue: undefined });
      const secure = await openTls(io, SERVER);
      await firstValueFrom(secure.send(secure), { defaultValue: undefined });
    });
    const client = h.observed(connect(at).pipe(mergeMap((io) => ask(io).pipe(mergeMap(() => startTls(io, CLIENT))))));
    const io = await client.value();
    const echo = h.observed(io.data$);
    io.write('hello');
    await h.until(() => echo.values.length > 0);
    expect(server.size).toBe(1);
    seen.unsubscribe();
    await echo.ended;
    expect([Buffer.concat(echo.values).toString(), errors.values]).toStrictEqual(['hello', []]);
  });
});
