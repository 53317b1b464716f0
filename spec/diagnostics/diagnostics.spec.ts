import { channel } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { connect, diagnostics, httpProxy, IOStream, listen, socks5, tlsClient, tlsServer, trace, type Server } from 'rxjs-io-stream';
import { record, type Recording } from 'rxjs-io-stream/testing';
import { describe, expect, test } from 'vitest';
import { socks5Server } from '../../examples/socks5-server.ts';
import { ca, server as certificate } from '../support/certificates.ts';
import { ALL_CHANNELS, CONNECTION_CHANNELS, OTHER_CHANNELS, published } from '../support/diagnosed.ts';
import { nodeProxy } from '../support/http-proxies.ts';
import { spec } from '../support/spec.ts';
import { closedReport, streamPair, ticks, unhandled } from '../stream/tools.ts';

const portOf = (server: Server): number => (server.address as { port: number }).port;

describe('diagnostics', () => {
  spec('emits the messages of the channel of node:diagnostics_channel, until it is unsubscribed', async (h) => {
    const raw = channel('rxjs-io-stream:connection:dial');
    const seen = h.observed(diagnostics('connection:dial'));
    expect(raw.hasSubscribers).toBe(true);
    const [a, b] = streamPair(h);
    expect(seen.values.map(({ stream }) => stream)).toEqual([a, b]);
    seen.unsubscribe();
    expect(raw.hasSubscribers).toBe(false);
    streamPair(h);
    expect(seen.values.length).toBe(2);
    await ticks();
  });

  spec('emits to each subscriber', async (h) => {
    const [one, other] = [h.observed(diagnostics('connection:dial')), h.observed(diagnostics('connection:dial'))];
    streamPair(h);
    expect(one.values).toEqual(other.values);
    one.unsubscribe();
    streamPair(h);
    expect([one.values.length, other.values.length]).toEqual([2, 4]);
    await ticks();
  });

  test('throws a TypeError for a name that is not a string', () => {
    expect(() => diagnostics(7 as never)).toThrow(new TypeError('diagnostics: expected `name` to be a string, got 7 (number)'));
  });

  spec('leaves the connection as it is when a subscriber throws', async (h) => {
    const reported = unhandled(h);
    const bug = new Error('a bug of the subscriber');
    const subscription = diagnostics('connection:dial').subscribe(() => {
      throw bug;
    });
    h.defer(() => subscription.unsubscribe());
    const [a, b] = streamPair(h);
    a.end('hello');
    b.end();
    const bytes = h.observed(b.data$);
    await closedReport(a);
    h.sameBytes(bytes.values, 'hello');
    await h.until(() => reported.length > 0);
    expect(reported[0]).toBe(bug);
  });

  spec('numbers a connection as lines of `trace` and recordings do', async (h) => {
    const all = published(h, 'connection:dial');
    const lines: string[] = [];
    const recordings: Recording[] = [];
    const plugin = { log: trace({ sink: (line) => lines.push(line) }), kept: record({ sink: (each) => recordings.push(each) }) };
    const seen = h.observed(listen({ host: '127.0.0.1', port: 0 }, (io) => io.data$));
    const target = { host: '127.0.0.1', port: portOf(await seen.value()) };
    await h.observed(connect({ ...target, plugin }, async () => {})).ended;
    const { id } = all.find(({ message }) => 'target' in message && message.target)?.message as { id: number };
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatch(new RegExp(`^#${id} `));
    expect(recordings[0]?.id).toBe(id);
    expect(String(recordings[0])).toContain(`\nconnection ${id}\n`);
  });

  spec('publishes no password, no key and no payload on any channel but connection:signal', async (h) => {
    const all = published(h, ...CONNECTION_CHANNELS, ...OTHER_CHANNELS);
    const signals = published(h, 'connection:signal');
    const [user, pass, payload] = ['proxy-user', 'pass-of-the-proxy', 'payload-of-the-application'];
    const tls = h.observed(listen({ host: '127.0.0.1', port: 0, plugin: { ssl: tlsServer(certificate) } }, (io) => io.send(io)));
    const socks = h.observed(socks5Server({ user, pass, local: true }));
    const http = await nodeProxy(h, { credentials: `${user}:${pass}` });
    const plugin = {
      ssl: tlsClient({ ca, servername: 'localhost', key: certificate.key, cert: certificate.cert }),
      socks: socks5({ host: '127.0.0.1', port: portOf(await socks.value()), user, pass }),
      http: httpProxy({ ...http, user, pass }),
    };
    const options = { host: '127.0.0.1', port: portOf(await tls.value()), plugin };
    const echoed = h.observed(
      connect(options, (io) => {
        io.end(payload);
        return io.data$;
      }),
    );
    await echoed.ended;
    h.sameBytes(echoed.values, payload);
    const wrong = { ...plugin, http: httpProxy({ ...http, user, pass: `wrong-${pass}` }) };
    const refused = h.observed(connect({ ...options, plugin: wrong }));
    await refused.ended;
    expect(refused.error).toMatchObject({ code: 'EPROXYAUTH' });
    const done = all.flatMap(({ message }) => ('layer' in message && message.event === 'done' ? [message.layer] : []));
    expect(done).toEqual(expect.arrayContaining(['http', 'socks', 'ssl']));

    const secrets = [pass, payload, certificate.key.split('\n')[3] ?? '', `${user}:${pass}`, `${user}:wrong-${pass}`];
    const encoded = secrets.flatMap((secret) => [secret, Buffer.from(secret).toString('base64'), Buffer.from(secret).toString('hex')]);
    for (const { name, message } of all) {
      const text = inspect(message, { depth: 12, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null });
      expect(encoded.filter((secret) => text.includes(secret)).map((secret) => `${name} contains ${secret}`)).toEqual([]);
    }
    // The check above can fail: the tap of signals does contain the payload.
    const tapped = signals.flatMap(({ message }) => ('signal' in message && message.signal.kind === 'data' ? [message.signal.bytes] : []));
    expect(Buffer.concat(tapped).toString('latin1')).toContain(payload);
  });

  test('are all in the table of the guide, and no others', () => {
    const guide = readFileSync(new URL('../../docs/guides/diagnostics.md', import.meta.url), 'utf8');
    const rows = [...guide.matchAll(/^\| (`[a-z]+:.*?) \|/gm)].map(([, cell = '']) => cell);
    const names = rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
    expect(names.sort()).toEqual([...ALL_CHANNELS].sort());
  });

  spec('makes no message without a subscriber', async (h) => {
    const prototype = Object.getPrototypeOf(channel('rxjs-io-stream:connection:dial')) as { publish(): void };
    const { publish } = prototype;
    let calls = 0;
    prototype.publish = () => (calls += 1);
    h.defer(() => (prototype.publish = publish));
    const [a, b] = streamPair(h);
    a.end('hello');
    b.end('world');
    await closedReport(a);
    expect([a.state, b.state, calls]).toEqual(['closed', 'closed', 0]);
    expect(a).toBeInstanceOf(IOStream);
  });
});
