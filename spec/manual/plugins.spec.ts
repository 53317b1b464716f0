import { CONNECTED, EOF, handshake, IN, IOStream, OUT, passthrough, RESOLVED, SENT, type Flow, type Plugin, type Up } from 'rxjs-io-stream';
import { tap } from 'rxjs';
import { assert, describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { allOf, deadPort, pair, served, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

const ALL = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

/** Records the signals that pass, with the name of the plugin: `ssl↓data`, `ssl↑connected`. */
function recorder(name: string, lines: string[]): Plugin {
  const down = (signal: Flow): void => void lines.push(`${name}↓${signal.kind}`);
  const up = (signal: Up): void => void lines.push(`${name}↑${signal.kind}`);
  return (wire) => (dial) => (flow$) => flow$.pipe(tap(down), wire(dial), tap(up));
}

/** A conversation that sends and reads nothing. */
function* silent(): Generator<never, void> {}

/** A handshake that sends a word, and expects the reply `ok`. */
function knock(word: string): Plugin {
  return handshake({
    *talk(link) {
      link.send(`${word}\n`);
      const reply = Buffer.from(yield* link.readUntil('\n', 16)).toString();
      if (reply !== 'ok\n') throw new Error(`refused: ${reply}`);
      return { word };
    },
  });
}

describe.each(TRANSPORTS)('plugin over %s', (transport) => {
  spec('is a record in order: the first is nearest the application, the last nearest the network', async (h) => {
    const lines: string[] = [];
    const place = await served(h, (socket) => socket.end('x'), transport);
    const log = new EventLog(h);
    const plugin = { first: recorder('first', lines), last: recorder('last', lines) };
    watchedStream(h, new IOStream({ ...place, waitFor: ALL, outBuf: 'y', plugin, cb: log.cb }));
    await log.waitFor('EOF');
    const [outbound, inbound] = [lines.filter((line) => line.endsWith('↓data')), lines.filter((line) => line.endsWith('↑data'))];
    expect(outbound).toStrictEqual(['first↓data', 'last↓data']);
    expect(inbound).toStrictEqual(['last↑data', 'first↑data']);
    const order = ['last↑connected', 'first↑connected', 'first↓data'];
    expect(lines.filter((line) => order.includes(line))).toStrictEqual(order);
  });

  spec('may be an array of pairs, in the same order and with names', async (h) => {
    const lines: string[] = [];
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const [one, two] = [recorder('one', lines), recorder('two', lines)];
    const plugin = [
      ['one', one],
      ['two', two],
    ] as const;
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, outBuf: 'y', plugin, cb: log.cb }));
    await log.waitFor('SENT');
    expect(lines.filter((line) => line.endsWith('↓data'))).toStrictEqual(['one↓data', 'two↓data']);
    expect(io.plugin.one).toBe(one);
    expect(io.plugin.two).toBe(two);
    far.end();
  });

  spec('is available by name; the options are not changed', async (h) => {
    const { near } = await pair(h, transport);
    const noop = passthrough();
    const plugin = { noop, again: noop };
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, plugin }));
    expect(io.plugin.noop).toBe(noop);
    expect(Object.keys(io.plugin)).toStrictEqual(['noop', 'again']);
    expect(plugin).toStrictEqual({ noop, again: noop });
    expect(() => ((io.plugin as Record<string, unknown>).noop = 1)).toThrow(TypeError);
  });

  spec('is empty without plugins', async (h) => {
    const { near } = await pair(h, transport);
    expect(watchedStream(h, new IOStream({ fh: near, waitFor: IN })).plugin).toStrictEqual({});
  });

  spec('delays CONNECTED and earlier writes until the last handshake has ended', async (h) => {
    let received: Promise<Buffer> | undefined;
    const requests: string[] = [];
    const place = await served(
      h,
      (socket) => {
        socket.on('data', (bytes: Buffer) => {
          requests.push(bytes.toString());
          if (requests.length < 3) socket.write('ok\n');
          else received = Promise.resolve(bytes);
        });
      },
      transport,
    );
    const log = new EventLog(h);
    const plugin = { inner: knock('inner'), outer: knock('outer') };
    const io = watchedStream(h, new IOStream({ ...place, waitFor: CONNECTED | OUT | SENT, outBuf: 'payload', plugin, cb: log.cb }));
    await log.waitFor('SENT');
    expect(log.events[0]).toBe('CONNECTED');
    await h.until(() => received !== undefined, 'the payload');
    expect(requests).toStrictEqual(['outer\n', 'inner\n', 'payload']);
    expect(io.outBytes).toBe(7);
    expect([io.details.inner?.word, io.details.outer?.word]).toStrictEqual(['inner', 'outer']);
  });

  spec('reports a failed handshake as an error of its layer, and never emits CONNECTED', async (h) => {
    const place = await served(h, (socket) => socket.end('no\n'), transport);
    const log = new EventLog(h);
    watchedStream(h, new IOStream({ ...place, waitFor: CONNECTED | IN | EOF, plugin: { door: knock('please') }, cb: log.cb }));
    await log.waitFor('EPROTOCOL');
    expect(log.events).toStrictEqual(['EPROTOCOL']);
    h.error(log.errors[0], { code: 'EPROTOCOL', phase: 'handshake', layer: 'door' });
  });

  spec('may be used for many streams', async (h) => {
    const noop = passthrough();
    const pairs = [await pair(h, transport), await pair(h, transport)];
    for (const [at, { near, far }] of pairs.entries()) {
      watchedStream(h, new IOStream({ fh: near, waitFor: SENT, plugin: { noop }, outBuf: `stream ${at}` })).end();
      expect((await allOf(far)).toString()).toBe(`stream ${at}`);
    }
  });
});

describe('a plugin that dials its own address', () => {
  spec('emits no RESOLVED, because the proxy resolves the target', async (h) => {
    const place = await served(h, (socket) => {
      socket.once('data', (bytes: Buffer) => socket.end(bytes.toString() === 'target.invalid:80\n' ? '+welcome' : '-what?'));
    });
    assert('host' in place);
    const proxy = handshake({
      to: place,
      *talk(link, target) {
        assert(target && 'host' in target);
        link.send(`${target.host}:${target.port}\n`);
        yield* link.read(1);
      },
    });
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ host: 'target.invalid', port: 80, waitFor: ALL, plugin: { proxy }, cb: log.cb }));
    await log.waitFor('EOF');
    expect(log.events[0]).toBe('CONNECTED');
    expect(log.count('RESOLVED')).toBe(0);
    expect(io.inBuf.toString()).toBe('welcome');
  });

  spec('passes on an error of the wire below', async (h) => {
    const proxy = handshake({ to: { host: '127.0.0.1', port: await deadPort() }, talk: silent });
    const log = new EventLog(h);
    watchedStream(h, new IOStream({ host: 'target.invalid', port: 80, waitFor: ALL, plugin: { proxy }, cb: log.cb }));
    await log.waitFor('ECONNREFUSED');
    expect(log.events).toStrictEqual(['ECONNREFUSED']);
  });
});
