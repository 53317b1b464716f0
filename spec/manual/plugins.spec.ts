import { CONNECTED, EOF, handshake, IN, IOStream, OUT, passthrough, RESOLVED, SENT, type Flow, type Plugin, type Up } from 'rxjs-io-stream';
import { tap } from 'rxjs';
import { assert, describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { allOf, deadPort, pair, served, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

const ALL = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

/** Writes down, under its name, which signals pass: `ssl↓data`, `ssl↑connected`. */
function log(name: string, lines: string[]): Plugin {
  const down = (signal: Flow): void => void lines.push(`${name}↓${signal.kind}`);
  const up = (signal: Up): void => void lines.push(`${name}↑${signal.kind}`);
  return (wire) => (dial) => (flow$) => flow$.pipe(tap(down), wire(dial), tap(up));
}

/** Says nothing. */
function* silent(): Generator<never, void> {}

/** Asks for a word before it lets anything through, and wants `ok` for an answer. */
function knock(word: string): Plugin {
  return handshake({
    *talk(link) {
      link.send(`${word}\n`);
      const answer = Buffer.from(yield* link.readUntil('\n', 16)).toString();
      if (answer !== 'ok\n') throw new Error(`refused: ${answer}`);
      return { word };
    },
  });
}

describe.each(TRANSPORTS)('plugin over %s', (transport) => {
  spec('is a record in order: the first is nearest the application, the last nearest the network', async (h) => {
    const lines: string[] = [];
    const place = await served(h, (socket) => socket.end('x'), transport);
    const told = new EventLog(h);
    const plugin = { first: log('first', lines), last: log('last', lines) };
    watchedStream(h, new IOStream({ ...place, waitFor: ALL, outBuf: 'y', plugin, cb: told.cb }));
    await told.waitFor('EOF');
    const [gone, come] = [lines.filter((line) => line.endsWith('↓data')), lines.filter((line) => line.endsWith('↑data'))];
    expect(gone).toStrictEqual(['first↓data', 'last↓data']);
    expect(come).toStrictEqual(['last↑data', 'first↑data']);
    const order = ['last↑connected', 'first↑connected', 'first↓data'];
    expect(lines.filter((line) => order.includes(line))).toStrictEqual(order);
  });

  spec('is an array of pairs, in order too, with the same names', async (h) => {
    const lines: string[] = [];
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const [one, two] = [log('one', lines), log('two', lines)];
    const plugin = [
      ['one', one],
      ['two', two],
    ] as const;
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, outBuf: 'y', plugin, cb: told.cb }));
    await told.waitFor('SENT');
    expect(lines.filter((line) => line.endsWith('↓data'))).toStrictEqual(['one↓data', 'two↓data']);
    expect(io.plugin.one).toBe(one);
    expect(io.plugin.two).toBe(two);
    far.end();
  });

  spec('is reached by name; the options given are not changed', async (h) => {
    const { near } = await pair(h, transport);
    const noop = passthrough();
    const plugin = { noop, again: noop };
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, plugin }));
    expect(io.plugin.noop).toBe(noop);
    expect(Object.keys(io.plugin)).toStrictEqual(['noop', 'again']);
    expect(plugin).toStrictEqual({ noop, again: noop });
    expect(() => ((io.plugin as Record<string, unknown>).noop = 1)).toThrow(TypeError);
  });

  spec('empty without plugins', async (h) => {
    const { near } = await pair(h, transport);
    expect(watchedStream(h, new IOStream({ fh: near, waitFor: IN })).plugin).toStrictEqual({});
  });

  spec('CONNECTED comes when the last plugin is through its handshake; what was written before waits for it', async (h) => {
    let received: Promise<Buffer> | undefined;
    const asked: string[] = [];
    const place = await served(
      h,
      (socket) => {
        socket.on('data', (bytes: Buffer) => {
          asked.push(bytes.toString());
          if (asked.length < 3) socket.write('ok\n');
          else received = Promise.resolve(bytes);
        });
      },
      transport,
    );
    const told = new EventLog(h);
    const plugin = { inner: knock('inner'), outer: knock('outer') };
    const io = watchedStream(h, new IOStream({ ...place, waitFor: CONNECTED | OUT | SENT, outBuf: 'payload', plugin, cb: told.cb }));
    await told.waitFor('SENT');
    expect(told.events[0]).toBe('CONNECTED');
    await h.until(() => received !== undefined, 'the payload');
    expect(asked).toStrictEqual(['outer\n', 'inner\n', 'payload']);
    expect(io.outBytes).toBe(7);
    expect([io.details.inner?.word, io.details.outer?.word]).toStrictEqual(['inner', 'outer']);
  });

  spec('a failed handshake is an error of its layer, and CONNECTED never comes', async (h) => {
    const place = await served(h, (socket) => socket.end('no\n'), transport);
    const told = new EventLog(h);
    watchedStream(h, new IOStream({ ...place, waitFor: CONNECTED | IN | EOF, plugin: { door: knock('please') }, cb: told.cb }));
    await told.waitFor('EPROTOCOL');
    expect(told.events).toStrictEqual(['EPROTOCOL']);
    h.error(told.errors[0], { code: 'EPROTOCOL', phase: 'handshake', layer: 'door' });
  });

  spec('one value serves many streams', async (h) => {
    const noop = passthrough();
    const pairs = [await pair(h, transport), await pair(h, transport)];
    for (const [at, { near, far }] of pairs.entries()) {
      watchedStream(h, new IOStream({ fh: near, waitFor: SENT, plugin: { noop }, outBuf: `stream ${at}` })).end();
      expect((await allOf(far)).toString()).toBe(`stream ${at}`);
    }
  });
});

describe('a plugin that dials its own address', () => {
  spec('RESOLVED does not come: the proxy resolves the target', async (h) => {
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
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ host: 'target.invalid', port: 80, waitFor: ALL, plugin: { proxy }, cb: told.cb }));
    await told.waitFor('EOF');
    expect(told.events[0]).toBe('CONNECTED');
    expect(told.count('RESOLVED')).toBe(0);
    expect(io.inBuf.toString()).toBe('welcome');
  });

  spec('an error of the wire below comes through it', async (h) => {
    const proxy = handshake({ to: { host: '127.0.0.1', port: await deadPort() }, talk: silent });
    const told = new EventLog(h);
    watchedStream(h, new IOStream({ host: 'target.invalid', port: 80, waitFor: ALL, plugin: { proxy }, cb: told.cb }));
    await told.waitFor('ECONNREFUSED');
    expect(told.events).toStrictEqual(['ECONNREFUSED']);
  });
});
