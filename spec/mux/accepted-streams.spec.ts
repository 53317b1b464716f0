import { firstValueFrom, map, throwError } from 'rxjs';
import { describe, expect } from 'vitest';
import { IOStream } from 'rxjs-io-stream';
import { mux } from '../../src/mux/mux.ts';
import { rc4 } from '../../src/plugins/rc4.ts';
import { tlsServer } from '../../src/plugins/tls/tls-server.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import * as certificates from '../support/certificates.ts';
import { spec } from '../support/spec.ts';
import { bytesOf, linkedPair } from './mux-tools.ts';

describe('the accepted streams of a mux', () => {
  spec('are closed when the Observable of their handler completes', async (h) => {
    const link = linkedPair(h, { handler: (stream: IOStream) => stream.send(['answer']) });
    const io = link.dial();
    expect(String(await bytesOf(io))).toBe('answer');
    expect((await firstValueFrom(io.closed$)).by).toBe('peer');
  });

  spec('are reset when their handler errors, which errors$ reports, and the mux goes on', async (h) => {
    const bug = new Error('a bug in the handler');
    let count = 0;
    const link = linkedPair(h, { handler: (stream: IOStream) => ((count += 1) === 1 ? throwError(() => bug) : stream.send(stream)) });
    const errors = h.observed(link.server.errors$);
    const first = link.dial();
    const { error } = await firstValueFrom(first.closed$);
    h.error(error, { code: 'ECONNRESET' });
    expect(errors.values).toStrictEqual([bug]);
    const second = link.dial();
    second.end('goes on');
    expect(String(await bytesOf(second))).toBe('goes on');
  });

  spec(
    'warn of a bug in a handler when nothing observes errors$',
    async (h) => {
      const link = linkedPair(h, { handler: () => throwError(() => new Error('a bug that warns')) });
      await firstValueFrom(link.dial().closed$);
    },
    { warnings: /a bug that warns/ },
  );

  spec('report a failed handshake of their plugins in errors$', async (h) => {
    const link = linkedPair(h, { server: { streams: { plugin: { tls: tlsServer(certificates.server) } } } });
    const errors = h.observed(link.server.errors$);
    const io = link.dial();
    io.write('no TLS at all');
    h.error(await errors.value(), { code: 'ETLS', layer: 'tls' });
    expect(link.accepted).toHaveLength(0);
  });

  spec('keep their own fields, and get the options of `streams`', async (h) => {
    const link = linkedPair(h, { server: { streams: { Name: 'own', highWaterMark: 7 } as object } });
    link.dial();
    await h.until(() => link.accepted.length === 1);
    expect((link.accepted[0] as unknown as { Name: string }).Name).toBe('own');
  });

  spec('have the types of their own fields and plugins', (h) => {
    const io = new IOStream({ wire: memoryPair()[0] });
    const streams = { Name: 'own', plugin: { rc4: rc4('key'), tls: tlsServer(certificates.server) } };
    const link = mux(io, { role: 'server', streams }, (stream) => [stream.Name.length, stream.details.tls.protocol]);
    h.observed(link.connections$.pipe(map((stream): string => stream.Name)));
    // @ts-expect-error -- an unknown option
    expect(() => mux(io, { role: 'server', streams: { highWaterMarc: 5 } })).toThrow('highWaterMarc');
    io.reset();
  });

  spec('complete connections$ and errors$ after the mux has ended', async (h) => {
    const { server, client } = linkedPair(h);
    const seen = [h.observed(server.connections$), h.observed(server.errors$)];
    client.close();
    for (const each of seen) expect((await each.ended).state).toBe('complete');
  });
});
