import { firstValueFrom, mergeMap } from 'rxjs';
import { connect, IOStream, openTls, tlsClient } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { startTls } from '../../src/stream/start-tls.ts';
import * as certificates from '../support/certificates.ts';
import { serving } from '../support/clients.ts';
import { spec } from '../support/spec.ts';
import { closedReport, resetAtEnd, turns } from './tools.ts';
import { ask, CLIENT, grant, grants, open, SERVER } from './start-tls-tools.ts';

const { ca } = certificates;

describe('openTls', () => {
  spec('resolves with a stream that stays open until the caller closes it', async (h) => {
    const port = await grants(h);
    const [io] = resetAtEnd(h, new IOStream({ host: '127.0.0.1', port }));
    await firstValueFrom(ask(io));
    const secure = await openTls(io, CLIENT);
    resetAtEnd(h, secure);
    expect((await closedReport(io)).by).toBe('upgraded');
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
