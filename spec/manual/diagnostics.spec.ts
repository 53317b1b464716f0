import assert from 'node:assert/strict';
import { closeSync, openSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { handshake, IN, IOStream, passthrough, type Plugin } from 'rxjs-io-stream';
import { firstValueFrom } from 'rxjs';
import { describe, it } from 'vitest';
import { invariants } from '../support/harness.ts';
import { allOf, pair, TRANSPORTS } from '../support/loopback.ts';
import { kept, EventLog } from '../support/told.ts';

const cb = (): void => {};
const place = { host: '127.0.0.1', port: 9 };

/** Makes a stream of anything; returns what it throws, which must be a TypeError. */
function thrownBy(...options: readonly unknown[]): string {
  try {
    new (IOStream as unknown as new (...options: readonly unknown[]) => unknown)(...options);
  } catch (error) {
    assert.ok(error instanceof TypeError);
    return error.message;
  }
  return 'nothing';
}

describe('usage: new IOStream', () => {
  it.each<[given: string, options: readonly unknown[], says: RegExp]>([
    ['nothing', [], /an object of options, got undefined/],
    ['undefined', [undefined], /an object of options, got undefined/],
    ['null', [null], /an object of options, got null/],
    ['a number', [1], /an object of options, got 1 \(number\)/],
    ['{}', [{}], /exactly one of `fh`, `host` with `port`, `path` and `wire`, got none/],
    ['no place', [{ cb }], /exactly one of `fh`, .*, got none/],
    ['fh undefined', [{ cb, fh: undefined }], /exactly one of `fh`, .*, got none/],
    ['host undefined', [{ cb, host: undefined }], /exactly one of .*, got none/],
    ['host a number', [{ cb, host: 1 }], /`host` to be a host name.*, got 1 \(number\)/],
    ['host without port', [{ cb, host: 'localhost' }], /`host` and `port` together, got `host` without `port`/],
    ['host with port undefined', [{ cb, host: 'localhost', port: undefined }], /got `host` without `port`/],
    ['port without host', [{ cb, fh: 5, port: 80 }], /`host` and `port` together, got `port` without `host`/],
    ['fh and host', [{ cb, fh: 5, ...place }], /exactly one of .*, got `fh` and `host`/],
    ['fh, host and path', [{ cb, fh: 5, ...place, path: '/x' }], /got `fh` and `host` and `path`/],
    ['host and wire', [{ cb, ...place, wire: () => undefined }], /got `host` and `wire`/],
  ])('refuses %s', (_given, options, says) => {
    const message = thrownBy(...options);
    assert.match(message, /^usage: new IOStream\(/);
    assert.match(message, says);
  });

  it.each<[options: object, says: RegExp]>([
    [{ ...place, waitfor: IN }, /^unknown option `waitfor`; did you mean `waitFor`\? \(IOStream takes fh, host, port, /],
    [{ ...place, wait_for: IN }, /^unknown option `wait_for`; did you mean `waitFor`\? /],
    [{ ...place, tiemouts: {} }, /^unknown option `tiemouts`; did you mean `timeouts`\? /],
    [{ ...place, timeouts: { conect: 1 } }, /^unknown option `conect`; did you mean `connect`\? \(`timeouts` takes resolve, connect, /],
    [
      { ...place, colour: 'red' },
      /^unknown option `colour` \(IOStream takes fh, .*, and your own fields, whose names start with a capital\)$/,
    ],
  ])('names an unknown option of %j first, then the one that was meant', (options, says) => assert.match(thrownBy(options), says));

  it.each<[option: string, value: unknown, says: RegExp]>([
    ['fh', 'x', /"x" \(string\)/],
    ['fh', -1, /-1 \(number\)/],
    ['fh', 1.5, /1\.5 \(number\)/],
    ['host', '', /"" \(string\)/],
    ['host', 'a b', /"a b" \(string\)/],
    ['host', 'a\r\nb', /"a\\r\\nb" \(string\)/],
    ['port', '80', /"80" \(string\)/],
    ['port', 0, /0 \(number\)/],
    ['port', 65_536, /65536 \(number\)/],
    ['port', NaN, /NaN/],
    ['path', 'a\0b', /\(string\)/],
    ['wire', {}, /an object/],
    ['cb', 'main', /"main" \(string\)/],
    ['cb', null, /null/],
    ['method', 5, /5 \(number\)/],
    ['method', '', /"" \(string\)/],
    ['onEvent', {}, /an object/],
    ['waitFor', 'IN', /"IN" \(string\)/],
    ['waitFor', 64, /64 \(number\)/],
    ['waitFor', -1, /-1 \(number\)/],
    ['inBufLimit', -1, /-1 \(number\)/],
    ['inBufLimit', '1024', /"1024" \(string\)/],
    ['outBuf', 5, /5 \(number\)/],
    ['outBuf', [1, 2], /an array of 2/],
    ['outPos', -1, /-1 \(number\)/],
    ['outBufLimit', Infinity, /Infinity \(number\)/],
    ['highWaterMark', 0, /0 \(number\)/],
    ['allowHalfOpen', 1, /1 \(number\)/],
    ['isFatal', true, /true \(boolean\)/],
    ['plugin', passthrough(), /a function/],
    ['plugin', { noop: {} }, /an object/],
    ['plugin', [passthrough()], /a function/],
    ['plugin', { 1: passthrough() }, /`1`/],
    ['timeouts', 5000, /5000 \(number\)/],
    ['timeouts', { connect: -1 }, /-1 \(number\)/],
    ['lookup', 'dns', /"dns" \(string\)/],
    ['family', 5, /5 \(number\)/],
    ['localAddress', 1, /1 \(number\)/],
    ['noDelay', 'yes', /"yes" \(string\)/],
    ['keepAlive', 1000, /1000 \(number\)/],
    ['signal', {}, /an object/],
    ['scheduler', {}, /an object/],
  ])('refuses `%s`: %j, naming the option, what is expected and what came', (option, value, says) => {
    const where = option === 'fh' || option === 'path' || option === 'wire' ? {} : place;
    const message = thrownBy({ ...where, [option]: value });
    assert.match(message, /^usage: new IOStream\(/);
    assert.ok(message.includes(`\`${option}`), message);
    assert.match(message.slice(message.lastIndexOf(', got ')), says);
  });

  it('refuses an object or class as `cb` without the method', () => {
    assert.match(thrownBy({ ...place, cb: {} }), /`cb` to be .* with a method `IO`/);
    assert.match(thrownBy({ ...place, cb: { IO: 5 } }), /a method `IO`/);
    assert.match(thrownBy({ ...place, cb: { IO: cb }, method: 'onIO' }), /a method `onIO`/);
  });

  /* eslint-disable @typescript-eslint/no-extraneous-class -- the manual's "class name" */
  class Client {
    static readonly onIO = cb;
  }
  class Heir extends Client {}
  const classes = [Client, Heir, class {}, class extends Client {}];
  /* eslint-enable @typescript-eslint/no-extraneous-class */

  it('says what came without the method: an object, or a class', () => {
    assert.match(thrownBy({ ...place, cb: {} }), /got an object without it$/);
    for (const each of classes) assert.match(thrownBy({ ...place, cb: each }), /with a method `IO`, got a class without it$/);
  });

  it(
    'takes every function without the method, and every class that has it or inherits it',
    invariants(async (h) => {
      const { near } = await pair(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN, cb, method: 'onIO' }));
      const frozen = Object.freeze(function classic() {});
      const { of } = { of: { class() {}, async later() {} } };
      for (const each of [Client, Heir, frozen, of.class, of.later, cb.bind(undefined)]) {
        io.cb = each;
        assert.equal(io.cb, each);
      }
    }),
  );

  it(
    'refuses the same in fields, which stay as they were',
    invariants(async (h) => {
      const { near } = await pair(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN, inBufLimit: 5, cb }));
      const fields = io as unknown as Record<string, unknown>;
      for (const [field, wrong] of Object.entries({
        waitFor: 'IN',
        inBufLimit: -1,
        outPos: 'x',
        cb: 5,
        method: 5,
        timeouts: { write: 'x' },
      })) {
        const before = fields[field];
        assert.throws(() => (fields[field] = wrong), { name: 'TypeError', message: new RegExp(`\`${field}`) });
        assert.deepEqual(fields[field], before);
      }
    }),
  );
});

describe("can't get file descriptor", () => {
  const DESCRIPTOR = /^can't get file descriptor/;

  it(
    'is thrown for an fh that is closed, a directory or no stream of bytes; nothing is left behind',
    invariants(async (h) => {
      const closed = openSync('/dev/null', 'r');
      closeSync(closed);
      const directory = await open(tmpdir());
      h.defer(() => directory.close());
      const { near } = await pair(h);
      near.destroy();
      const read = new PassThrough();
      read.on('data', () => {});
      for (const fh of [closed, 1_000_000, directory, {}, near, new PassThrough({ objectMode: true }), read]) {
        assert.match(thrownBy({ cb, fh }), DESCRIPTOR);
        assert.match(thrownBy({ cb, fh }), DESCRIPTOR);
      }
    }),
  );
});

describe.each(TRANSPORTS)("can't create second object for same fh, over %s", (transport) => {
  const SECOND = /^can't create second object for same fh/;

  it(
    'is thrown while the first stream holds it, and the first goes on',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
      assert.match(thrownBy({ cb, fh: near }), SECOND);
      assert.match(thrownBy({ cb, fh: near }), SECOND);
      far.write('still mine');
      await told.saw('IN');
      assert.match(thrownBy({ cb, fh: near }), SECOND);
      assert.equal(io.inBuf.toString(), 'still mine');
      io.write('and yours');
      io.end();
      assert.equal((await allOf(far)).toString(), 'and yours');
    }),
  );

  it(
    'is not thrown after close(): then the fh is closed, and says so',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN, cb }));
      io.close();
      far.end();
      await firstValueFrom(io.closed$);
      assert.match(thrownBy({ cb, fh: near }), /^can't get file descriptor/);
    }),
  );
});

describe("can't create second object for same fh, of numbers", () => {
  it(
    'a number is one fh, and usable again when its stream is closed and it was opened anew',
    invariants(async (h) => {
      const path = join(tmpdir(), `diagnostics-${process.pid}`);
      h.defer(() => rmSync(path));
      const fd = openSync(path, 'w+');
      const io = kept(h, new IOStream({ fh: fd, waitFor: IN, outBuf: 'first,', cb }));
      assert.match(thrownBy({ cb, fh: fd }), /^can't create second object for same fh/);
      io.close();
      await firstValueFrom(io.closed$);
      assert.match(thrownBy({ cb, fh: fd }), /^can't get file descriptor/);
      const again = openSync(path, 'a+');
      const second = kept(h, new IOStream({ fh: again, waitFor: IN, outBuf: 'second', cb }));
      second.close();
      await firstValueFrom(second.closed$);
      const handle = await open(path);
      h.defer(() => handle.close());
      assert.equal((await handle.readFile()).toString(), 'first,second');
    }),
  );

  it(
    'a refused `new` holds nothing: the fh can be given again',
    invariants(async (h) => {
      const { near, far } = await pair(h);
      assert.match(thrownBy({ fh: near, waitFor: 'IN', cb }), /^usage/);
      assert.match(thrownBy({ fh: near, outBuf: 5, cb }), /^usage/);
      const told = new EventLog(h);
      kept(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
      far.write('x');
      await told.saw('IN');
    }),
  );
});

describe('{fh} already connected', () => {
  const proxy: Plugin = handshake({ to: { host: '127.0.0.1', port: 1 }, *talk() {} });

  it(
    'is thrown by a plugin that dials its own address; the fh is free for another stream',
    invariants(async (h) => {
      const { near, far } = await pair(h);
      assert.match(thrownBy({ fh: near, plugin: { proxy }, cb }), /^\{fh\} already connected/);
      const told = new EventLog(h);
      kept(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
      far.write('x');
      await told.saw('IN');
    }),
  );

  it('is thrown over a wire that is there already, too', () => {
    assert.match(thrownBy({ wire: () => () => undefined, plugin: { proxy } }), /^\{fh\} already connected/);
  });
});
