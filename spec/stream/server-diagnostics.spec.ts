import { connect, IOStream, listen, type AdmitRules, type ListenOptions, type Server } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { published } from '../support/diagnosed.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { closedReport } from './tools.ts';

async function listening(h: Harness, options: Partial<ListenOptions> = {}): Promise<{ server: Server; port: number; stop(): void }> {
  const seen = h.observed(listen({ host: '127.0.0.1', port: 0, ...options }, (io) => io.data$));
  const server = await seen.value();
  return { server, port: (server.address as { port: number }).port, stop: () => seen.unsubscribe() };
}

describe('the diagnostics of a server', () => {
  spec('contain its address, each accepted connection and its close', async (h) => {
    const all = published(h, 'server:listening', 'server:accept', 'server:closed', 'connection:dial');
    const { server, port, stop } = await listening(h);
    const io = new IOStream({ host: '127.0.0.1', port });
    io.end();
    await closedReport(io);
    stop();
    stop();
    expect(all.map(({ name }) => name)).toEqual([
      'server:listening',
      'connection:dial',
      'connection:dial',
      'server:accept',
      'server:closed',
    ]);
    expect(all[0]?.message).toEqual({ server, address: server.address });
    const { id, stream } = all[2]?.message as { id: number; stream: object };
    expect(all[3]?.message).toEqual({ server, id, stream, remoteAddress: '127.0.0.1', remotePort: expect.any(Number) as number });
    expect(all[4]?.message).toEqual({ server });
  });

  spec('name the rule of admit that refuses a connection, and count the drops', async (h) => {
    const all = published(h, 'server:drop', 'server:accept');
    const admit: AdmitRules = { deny: ['127.0.0.1'] };
    const { server, port } = await listening(h, { admit });
    for (const _ of [1, 2]) await h.observed(connect({ host: '127.0.0.1', port })).ended;
    await h.until(() => all.length === 2);
    const peer = { remoteAddress: '127.0.0.1', remotePort: expect.any(Number) as number };
    expect(all.map(({ message }) => message)).toEqual([
      { server, rule: 'deny', count: 1, ...peer },
      { server, rule: 'deny', count: 2, ...peer },
    ]);
  });

  spec('name `maxConnections` when it is exceeded', async (h) => {
    const all = published(h, 'server:drop');
    const { server, port } = await listening(h, { maxConnections: 1 });
    const first = new IOStream({ host: '127.0.0.1', port });
    await h.until(() => first.state === 'open' && server.size === 1);
    await h.observed(connect({ host: '127.0.0.1', port })).ended;
    await h.until(() => all.length === 1);
    expect(all[0]?.message).toMatchObject({ server, rule: 'maxConnections', count: 1, remoteAddress: '127.0.0.1' });
    first.reset();
  });

  spec('contain the report of a drain', async (h) => {
    const all = published(h, 'server:drain');
    const { server, port } = await listening(h);
    const io = new IOStream({ host: '127.0.0.1', port });
    h.watch(io);
    await h.until(() => server.size === 1);
    const drained = h.observed(server.drain({ deadline: 0 }));
    await drained.ended;
    await closedReport(io);
    expect(all.map(({ message }) => message)).toEqual([{ server, report: { finished: 0, cut: 1 } }]);
  });
});
