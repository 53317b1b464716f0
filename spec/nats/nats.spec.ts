import { firstValueFrom, interval, NEVER } from 'rxjs';
import { expect } from 'vitest';
import { connect, IOStream, tlsClient, tlsServer } from 'rxjs-io-stream';
import { nats } from '../../src/nats/nats.ts';
import { pattern } from '../../src/testing/bytes.ts';
import { describePeer, started } from '../interop/peers.ts';
import { startBroker } from '../interop/peers/nats.ts';
import * as certificates from '../support/certificates.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { bytesOf, listening, natsClient, newSubject, subscriptionsOf, type Listening } from './nats-tools.ts';
import type { NatsListenOptions } from '../../src/nats/nats-listen-options.ts';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Handler } from '../../src/stream/run-handler.ts';

describePeer('nats', 'nats-server', () => {
  const broker = started(startBroker);

  interface Pair extends Listening {
    readonly near: NatsConnection;
    readonly far: NatsConnection;
    readonly subject: string;
  }

  /** A listener, and a connection to dial from. */
  async function pair(h: Harness, options: Partial<NatsListenOptions> = {}, handler?: Handler): Promise<Pair> {
    const [near, far] = [await natsClient(h, broker().url), await natsClient(h, broker().url)];
    const subject = newSubject();
    return { near, far, subject, ...(await listening(h, { connection: far, subject, ...options }, handler)) };
  }

  /** A stream, and its accepted end. */
  async function streams(h: Harness, { near, subject, server }: Pair, window?: number): Promise<[IOStream, IOStream]> {
    const accepted = firstValueFrom(server.connections$);
    const io = new IOStream({ wire: nats({ connection: near, subject, window }) });
    h.defer(() => io.reset());
    return [io, await accepted];
  }

  spec('carries bytes of both ends, and ends each direction by itself', async (h) => {
    const link = await pair(h, { allowHalfOpen: true });
    const [near, far] = await streams(h, link);
    const [there, back] = [pattern(3_000_000), pattern(2_000_001)];
    near.end(there);
    h.sameBytes(await bytesOf(far), there);
    far.end(back);
    h.sameBytes(await bytesOf(near), back);
    await Promise.all([firstValueFrom(near.closed$), firstValueFrom(far.closed$)]);
    expect([await subscriptionsOf(link.near), await subscriptionsOf(link.far)]).toEqual([0, 1]);
  });

  spec('reports the subject that was dialled, at both ends', async (h) => {
    const subject = newSubject();
    const link = await pair(h, { subject: `${subject}.*` });
    const accepted = firstValueFrom(link.server.connections$);
    const io = new IOStream({ wire: nats({ connection: link.near, subject: `${subject}.one` }) });
    h.defer(() => io.reset());
    const far = await accepted;
    expect([io.remoteAddress, far.localAddress]).toEqual([`${subject}.one`, `${subject}.one`]);
    expect(link.server.address).toBe(`${subject}.*`);
  });

  spec('spreads connections over the listeners of a queue group, each to one', async (h) => {
    const subject = newSubject();
    const counts = [0, 0, 0];
    for (const [at] of counts.entries())
      await listening(h, { connection: await natsClient(h, broker().url), subject }, (io) => ((counts[at]! += 1), io.send(io)));
    const near = await natsClient(h, broker().url);
    const replies = Array.from({ length: 60 }, (_, at) => {
      const io = new IOStream({ wire: nats({ connection: near, subject }) });
      io.end(String(at));
      return bytesOf(io);
    });
    expect((await Promise.all(replies)).map(String)).toEqual(Array.from({ length: 60 }, (_, at) => String(at)));
    expect(counts.reduce((sum, each) => sum + each)).toBe(60);
    expect(counts.every((each) => each > 0)).toBe(true);
  });

  spec('stacks TLS from end to end, which the broker cannot read', async (h) => {
    const link = await pair(h, { plugin: { tls: tlsServer(certificates.server) } });
    const spy = await natsClient(h, broker().url);
    const seen: Uint8Array[] = [];
    spy.subscribe('_INBOX.>', { callback: (_, { data }) => void seen.push(data) });
    await spy.flush();
    const accepted = firstValueFrom(link.server.connections$);
    const near = new IOStream({
      wire: nats({ connection: link.near, subject: link.subject }),
      plugin: { tls: tlsClient({ ca: certificates.ca, servername: 'localhost' }) },
    });
    near.end('a secret of both ends');
    h.sameBytes(await bytesOf(await accepted), 'a secret of both ends');
    await firstValueFrom(near.closed$);
    await spy.flush();
    expect(seen.length).toBeGreaterThan(3);
    expect(Buffer.concat(seen).includes('secret of both')).toBe(false);
  });

  spec('cuts frames to the maximum payload of the server', async (h) => {
    const link = await pair(h);
    const small = Object.create(link.near, { info: { value: { ...link.near.info, max_payload: 1000 } } }) as NatsConnection;
    const sizes: number[] = [];
    small.publish = (subject, data, options) => {
      sizes.push((data as Uint8Array).length);
      link.near.publish(subject, data, options);
    };
    const accepted = firstValueFrom(link.server.connections$);
    const io = new IOStream({ wire: nats({ connection: small, subject: link.subject }) });
    io.end(pattern(100_000));
    h.sameBytes(await bytesOf(await accepted), pattern(100_000));
    await firstValueFrom(io.closed$);
    expect(Math.max(...sizes)).toBe(1000);
  });

  spec('fails by name where the maximum payload of the server leaves no room for a byte', async (h) => {
    const link = await pair(h);
    const tiny = Object.create(link.near, { info: { value: { ...link.near.info, max_payload: 32 } } }) as NatsConnection;
    tiny.publish = (subject, data, options) => {
      if ((data as Uint8Array).length > 32) throw new Error('max_payload size exceeded');
      link.near.publish(subject, data, options);
    };
    const seen = h.observed(connect({ wire: nats({ connection: tiny, subject: link.subject }) }, (io) => io.send(['a'])));
    await seen.ended;
    h.error(seen.error, { code: 'ECONNRESET' });
    expect(String(seen.error)).toContain('max_payload size exceeded');
  });

  spec('stops at its window when the peer does not read, and the broker counts no slow consumer', async (h) => {
    const window = 100_000;
    const link = await pair(h, { window });
    const [near, far] = await streams(h, link, window);
    far.pause();
    near.send([pattern(3_000_000)]).subscribe({ error: () => undefined });
    await h.until(() => link.far.stats().inBytes > window / 2); // The rest of it is too little for a frame.
    await link.far.flush();
    await link.near.flush();
    const { out_msgs: first, slow_consumers: slow } = await broker().monitor('/varz');
    await link.near.flush();
    const { out_msgs: second } = await broker().monitor('/varz');
    expect([Number(second) - Number(first), slow]).toEqual([0, 0]);
    expect(link.far.stats().inBytes).toBeLessThan(window + 10_000);
    far.resume();
    const received = bytesOf(far);
    near.end();
    expect((await received).length).toBe(3_000_000);
  });

  spec('fails with ECONNREFUSED where nothing listens', async (h) => {
    const connection = await natsClient(h, broker().url);
    const seen = h.observed(connect({ wire: nats({ connection, subject: 'spec.nothing' }) }, () => NEVER));
    await seen.ended;
    h.error(seen.error, { code: 'ECONNREFUSED' });
    expect(String(seen.error)).toContain('no natsListen answers on the subject spec.nothing [ECONNREFUSED]');
    expect(await subscriptionsOf(connection)).toBe(0);
  });

  spec('fails with ETOCONNECT where a subscriber never answers, and leaves no subscription', async (h) => {
    const connection = await natsClient(h, broker().url);
    const subject = newSubject();
    connection.subscribe(subject, { callback: () => undefined });
    const seen = h.observed(connect({ wire: nats({ connection, subject }), timeouts: { connect: 50 } }, () => NEVER));
    await seen.ended;
    h.error(seen.error, { code: 'ETOCONNECT' });
    expect(String(seen.error)).toContain(`connect timed out: no answer on the subject ${subject} within 50 ms [ETOCONNECT]`);
    expect(await subscriptionsOf(connection)).toBe(1);
  });

  spec('fails with ECONNREFUSED over the maximum number of connections, which the server counts', async (h) => {
    const link = await pair(h, { maxConnections: 1 }, () => NEVER);
    const first = new IOStream({ wire: nats({ connection: link.near, subject: link.subject }) });
    h.defer(() => first.reset());
    await h.until(() => link.server.size === 1);
    const seen = h.observed(connect({ wire: nats({ connection: link.near, subject: link.subject }) }, () => NEVER));
    await seen.ended;
    h.error(seen.error, { code: 'ECONNREFUSED', phase: 'connect' });
    expect(String(seen.error)).toContain('refused the connection: it reports EMFILE');
    expect(await firstValueFrom(link.server.dropped$)).toBe(1);
  });

  spec('fails with ECONNRESET when its connection to NATS is closed, and the peer at its pings', async (h) => {
    const link = await pair(h, { keepAlive: { interval: 50, timeout: 50 } });
    const [near, far] = await streams(h, link);
    const [nearEnd, farEnd] = [h.observed(near.data$), h.observed(far.data$)];
    await link.near.close();
    await nearEnd.ended;
    h.error(nearEnd.error, { code: 'ECONNRESET' });
    expect(String(nearEnd.error)).toContain('the connection to NATS was closed [ECONNRESET]');
    await farEnd.ended;
    h.error(farEnd.error, { code: 'ETIMEDOUT' });
  });

  spec('notices a peer that is gone at the next bytes, without a ping', async (h) => {
    const link = await pair(h);
    const [near, far] = await streams(h, link);
    const nearEnd = h.observed(near.data$);
    far.data$.subscribe({ error: () => undefined });
    await link.far.close();
    // The broker may still deliver the first ones to a connection that it does not yet know as closed.
    const writing = interval(10).subscribe(() => near.write('anyone there?'));
    h.defer(() => writing.unsubscribe());
    await nearEnd.ended;
    writing.unsubscribe();
    h.error(nearEnd.error, { code: 'ECONNRESET' });
    expect(String(nearEnd.error)).toContain('the peer no longer subscribes');
  });

  spec('keeps streams while the connection reconnects if nothing was lost', async (h) => {
    const link = await pair(h);
    const [near, far] = await streams(h, link);
    const received = bytesOf(far);
    near.write('before ');
    await h.until(() => far.inBytes === 7); // The broker does not order what two connections send.
    await link.near.reconnect();
    near.end('after');
    h.sameBytes(await received, 'before after');
  });

  spec('fails with EGAP if bytes were lost while the connection reconnected', async (h) => {
    const link = await pair(h);
    const [near, far] = await streams(h, link);
    const received = h.observed(far.data$);
    const { publish } = link.near;
    near.errors$.subscribe();
    near.write('before ');
    await received.value();
    link.near.publish = () => undefined;
    near.write('lost');
    await new Promise((resolve) => setTimeout(resolve, 20));
    link.near.publish = publish;
    await link.near.reconnect();
    await received.ended;
    h.error(received.error, { code: 'EGAP' });
    h.sameBytes(received.values, 'before ');
  });

  spec('leaves no subscription when it is unsubscribed before the answer', async (h) => {
    const connection = await natsClient(h, broker().url);
    const subject = newSubject();
    connection.subscribe(subject, { callback: () => undefined });
    const dialling = connect({ wire: nats({ connection, subject }) }, () => NEVER).subscribe();
    await connection.flush();
    expect(await subscriptionsOf(connection)).toBe(2);
    dialling.unsubscribe();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await subscriptionsOf(connection)).toBe(1);
  });
});

spec.each([
  [{}, 'usage: nats({ connection, subject, … }): expected `connection` to be a connection to NATS'],
  [{ subject: 'a.*' }, 'expected `subject` to be a subject: parts that dots separate, without white space, without wildcards, got "a.*"'],
  [{ subject: 'a b' }, 'expected `subject` to be a subject: parts that dots separate, without white space, without wildcards, got "a b"'],
  [{ window: 0 }, 'expected `window` to be a number of bytes from 1'],
  [{ keepAlive: { interval: 0 } }, 'expected `keepAlive.interval` of nats to be milliseconds, more than 0'],
  [{ windows: 1 }, 'windows'],
])('nats rejects the options %j at the call', (_h, options, message) => {
  const connection = { publish() {}, subscribe() {}, status: () => [], closed: () => NEVER, isClosed: () => true };
  const call = () =>
    nats({
      ...('subject' in options || message.startsWith('usage') ? {} : { subject: 'a' }),
      ...(message.startsWith('usage') ? {} : { connection }),
      ...options,
    } as never);
  expect(call).toThrow(message);
});
