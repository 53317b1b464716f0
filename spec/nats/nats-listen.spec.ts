import type { NatsConnection } from '@nats-io/transport-node';
import { firstValueFrom, lastValueFrom, NEVER } from 'rxjs';
import { expect } from 'vitest';
import { IOStream } from 'rxjs-io-stream';
import { nats } from '../../src/nats/nats.ts';
import { natsListen } from '../../src/nats/nats-listen.ts';
import { describePeer, started, startPeer } from '../interop/peers.ts';
import { startBroker } from '../interop/peers/nats.ts';
import { spec } from '../support/spec.ts';
import { bytesOf, listening, natsClient, newSubject, subscriptionsOf } from './nats-tools.ts';

describePeer('natsListen', 'nats-server', () => {
  const broker = started(startBroker);
  /** A server on which clients may publish and subscribe to few subjects only. */
  const strict = started(() =>
    startPeer(['port'], ({ port }, folder) => {
      const conf = `listen: 127.0.0.1:${port}
authorization { default_permissions = { publish: ["open", "_INBOX.>"], subscribe: ["open", "_INBOX.>"] }, users = [{ user: u, password: p }] }\n`;
      return ['nats-server', '-c', folder.file('nats.conf', conf)];
    }),
  );
  const dial = (connection: NatsConnection, subject: string): IOStream => new IOStream({ wire: nats({ connection, subject }) });

  spec('drains: takes no more connections, and waits for the open ones', async (h) => {
    const subject = newSubject();
    const [near, far] = [await natsClient(h, broker().url), await natsClient(h, broker().url)];
    const { server } = await listening(h, { connection: far, subject }, (io) => io.send(io));
    const io = dial(near, subject);
    const text = bytesOf(io);
    await lastValueFrom(io.send(['one ']));
    const report = h.observed(server.drain({ deadline: 5000 }));
    await far.flush();
    const late = h.observed(dial(near, subject).data$);
    await late.ended;
    h.error(late.error, { code: 'ECONNREFUSED' });
    expect(report.state).toBe('open');
    io.end('two');
    expect(String(await text)).toBe('one two');
    await report.ended;
    expect(report.values).toEqual([{ finished: 1, cut: 0 }]);
    expect(await subscriptionsOf(far)).toBe(0);
  });

  spec('serves requests that arrive while it starts, and while it drains', async (h) => {
    const subject = newSubject();
    const [near, far] = [await natsClient(h, broker().url), await natsClient(h, broker().url)];
    const early: Promise<Buffer>[] = [];
    const flush = far.flush.bind(far);
    // Another client dials as soon as the server of NATS has the subscription, before the listener knows that.
    far.flush = async () => {
      await flush();
      for (let at = 0; at < 5; at += 1) early.push(echo());
      await near.flush();
      await flush();
    };
    const echo = (): Promise<Buffer> => {
      const io = dial(near, subject);
      io.end('hello');
      return bytesOf(io);
    };
    const { server } = await listening(h, { connection: far, subject }, (io) => io.send(io));
    expect((await Promise.all(early)).map(String)).toEqual(Array(5).fill('hello'));
    // On its way to the listener when that leaves the queue group.
    const late = echo();
    await near.flush();
    const report = firstValueFrom(server.drain({ deadline: 5000 }));
    expect(String(await late)).toBe('hello');
    expect((await report).cut).toBe(0);
  });

  spec('stops by its signal, and completes when the last connection has ended', async (h) => {
    const subject = newSubject();
    const [near, far] = [await natsClient(h, broker().url), await natsClient(h, broker().url)];
    const stop = new AbortController();
    const serving = h.observed(natsListen({ connection: far, subject, signal: stop.signal }, (io) => io.send(io)));
    await serving.value();
    const io = dial(near, subject);
    const text = bytesOf(io);
    await lastValueFrom(io.send(['open']));
    stop.abort();
    await far.flush();
    expect(serving.state).toBe('open');
    io.end();
    expect(String(await text)).toBe('open');
    await serving.ended;
    expect(serving.state).toBe('complete');
  });

  spec('closes all streams when it is unsubscribed, and leaves no subscription', async (h) => {
    const subject = newSubject();
    const [near, far] = [await natsClient(h, broker().url), await natsClient(h, broker().url)];
    let served = 0;
    const { subscription } = await listening(h, { connection: far, subject }, () => ((served += 1), NEVER));
    const io = dial(near, subject);
    const text = bytesOf(io);
    await h.until(() => served === 1);
    subscription.unsubscribe();
    expect(String(await text)).toBe('');
    io.end();
    await firstValueFrom(io.closed$);
    expect([await subscriptionsOf(near), await subscriptionsOf(far)]).toEqual([0, 0]);
  });

  spec('errors with ECONNRESET when its connection is closed, after the streams have', async (h) => {
    const subject = newSubject();
    const [near, far] = [await natsClient(h, broker().url), await natsClient(h, broker().url)];
    const serving = h.observed(natsListen({ connection: far, subject }));
    const server = await serving.value();
    const errors = h.observed(server.errors$);
    const accepted = firstValueFrom(server.connections$);
    const io = dial(near, subject);
    io.errors$.subscribe();
    h.defer(() => io.reset());
    await accepted;
    await far.close();
    await serving.ended;
    h.error(serving.error, { code: 'ECONNRESET' });
    expect(errors.values.map((error) => (error as { code?: string }).code)).toEqual(['ECONNRESET']);
  });

  spec('errors with EACCES for a subject that is not permitted, as a dial does', async (h) => {
    const connection = await natsClient(h, `127.0.0.1:${strict().ports.port}`, { user: 'u', pass: 'p' });
    const serving = h.observed(natsListen({ connection, subject: 'closed' }));
    await serving.ended;
    h.error(serving.error, { code: 'EACCES', phase: 'connect' });
    const dialled = h.observed(dial(connection, 'closed').data$);
    await dialled.ended;
    h.error(dialled.error, { code: 'EACCES', phase: 'connect' });
  });

  spec('ignores messages that are no requests to connect', async (h) => {
    const subject = newSubject();
    const [near, far] = [await natsClient(h, broker().url), await natsClient(h, broker().url)];
    const { server } = await listening(h, { connection: far, subject }, (io) => io.send(io));
    const errors = h.observed(server.errors$);
    near.publish(subject, 'no reply');
    near.publish(subject, 'no frame', { reply: 'nobody' });
    await near.flush();
    await far.flush();
    await h.until(() => errors.values.length === 1 && server.size === 0);
    h.error(errors.values[0], { code: 'EPROTOCOL' });
    const io = dial(near, subject);
    io.end('hello');
    expect(String(await bytesOf(io))).toBe('hello');
  });

  spec.each([
    [{}, 'expected `connection` to be a connection to NATS'],
    [{ subject: 7 }, 'expected `subject` to be a subject: parts that dots separate, without white space; `>` only as the last one, got 7'],
    [{ subject: 'a.>.b' }, 'expected `subject` to be a subject'],
    [{ subject: '>.b' }, 'expected `subject` to be a subject'],
    [{ queue: 'a b' }, 'expected `queue` to be a name without white space'],
    [{ maxConnections: 0 }, 'expected `maxConnections` to be a number of connections, 1 or more'],
    [{ port: 7 }, 'port'],
  ])('rejects the options %j at the call', (_h, options, message) => {
    const connection = { publish() {}, subscribe() {}, status: () => [] };
    const others = Object.keys(options).length === 0 ? {} : { connection, subject: 'a' };
    expect(() => natsListen({ ...others, ...options } as never)).toThrow(message);
  });
});
