import { closeSync, openSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { handshake, IN, IOStream, passthrough, type Plugin } from 'rxjs-io-stream';
import { firstValueFrom } from 'rxjs';
import { assert, describe, expect, it } from 'vitest';
import { spec } from '../support/spec.ts';
import { allOf, pair, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

const cb = (): void => {};
const place = { host: '127.0.0.1', port: 9 };

/** Creates a stream with any arguments; returns the message of the TypeError that it throws, or 'nothing'. */
function thrownBy(...options: readonly unknown[]): string {
  try {
    new (IOStream as unknown as new (...options: readonly unknown[]) => unknown)(...options);
  } catch (error) {
    assert(error instanceof TypeError);
    return error.message;
  }
  return 'nothing';
}

describe('usage: new IOStream', () => {
  it.each<[problem: string, options: readonly unknown[], expected: RegExp]>([
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
    ['path and wire', [{ cb, path: '/x', wire: () => undefined }], /got `path` and `wire`/],
  ])('refuses %s', (_problem, options, expected) => {
    const message = thrownBy(...options);
    expect(message).toMatch(/^usage: new IOStream\(/);
    expect(message).toMatch(expected);
  });

  it.each<[options: object, expected: RegExp]>([
    [{ ...place, waitfor: IN }, /^unknown option `waitfor`; did you mean `waitFor`\? \(IOStream takes fh, host, port, /],
    [{ ...place, wait_for: IN }, /^unknown option `wait_for`; did you mean `waitFor`\? /],
    [{ ...place, tiemouts: {} }, /^unknown option `tiemouts`; did you mean `timeouts`\? /],
    [{ ...place, timeouts: { conect: 1 } }, /^unknown option `conect`; did you mean `connect`\? \(`timeouts` takes resolve, connect, /],
    [
      { ...place, colour: 'red' },
      /^unknown option `colour` \(IOStream takes fh, .*, and your own fields, whose names start with a capital\)$/,
    ],
  ])('names the unknown option of %j, then the option that was probably meant', (options, expected) =>
    expect(thrownBy(options)).toMatch(expected),
  );

  it.each<[option: string, value: unknown, expected: RegExp]>([
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
  ])('refuses `%s`: %j, and names the option, the expected value and the actual one', (option, value, expected) => {
    const where = option === 'fh' || option === 'path' || option === 'wire' ? {} : place;
    const message = thrownBy({ ...where, [option]: value });
    expect(message).toMatch(/^usage: new IOStream\(/);
    assert(message.includes(`\`${option}`), message);
    expect(message.slice(message.lastIndexOf(', got '))).toMatch(expected);
  });

  it('refuses an object or class as `cb` without the method', () => {
    expect(thrownBy({ ...place, cb: {} })).toMatch(/`cb` to be .* with a method `IO`/);
    expect(thrownBy({ ...place, cb: { IO: 5 } })).toMatch(/a method `IO`/);
    expect(thrownBy({ ...place, cb: { IO: cb }, method: 'onIO' })).toMatch(/a method `onIO`/);
  });

  /* eslint-disable @typescript-eslint/no-extraneous-class -- the manual's "class name" */
  class Client {
    static readonly onIO = cb;
  }
  class Subclass extends Client {}
  const classes = [Client, Subclass, class {}, class extends Client {}];
  /* eslint-enable @typescript-eslint/no-extraneous-class */

  it('names the kind of a `cb` without the method: an object or a class', () => {
    expect(thrownBy({ ...place, cb: {} })).toMatch(/got an object without it$/);
    for (const each of classes) expect(thrownBy({ ...place, cb: each })).toMatch(/with a method `IO`, got a class without it$/);
  });

  spec('accepts any function as `cb`, and any class that has or inherits the method', async (h) => {
    const { near } = await pair(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb, method: 'onIO' }));
    const frozen = Object.freeze(function classic() {});
    const { of } = { of: { class() {}, async later() {} } };
    for (const each of [Client, Subclass, frozen, of.class, of.later, cb.bind(undefined)]) {
      io.cb = each;
      expect(io.cb).toBe(each);
    }
  });

  spec('refuses the same values for fields, which keep their old values', async (h) => {
    const { near } = await pair(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, inBufLimit: 5, cb }));
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
      expect(() => (fields[field] = wrong)).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(new RegExp(`\`${field}`)) }),
      );
      expect(fields[field]).toStrictEqual(before);
    }
  });
});

describe("can't get file descriptor", () => {
  const DESCRIPTOR = /^can't get file descriptor/;

  spec('is thrown each time for an fh that is closed, a directory or no byte stream', async (h) => {
    const closed = openSync('/dev/null', 'r');
    closeSync(closed);
    const directory = await open(tmpdir());
    h.defer(() => directory.close());
    const { near } = await pair(h);
    near.destroy();
    const read = new PassThrough();
    read.on('data', () => {});
    for (const fh of [closed, 1_000_000, directory, {}, near, new PassThrough({ objectMode: true }), read]) {
      expect(thrownBy({ cb, fh })).toMatch(DESCRIPTOR);
      expect(thrownBy({ cb, fh })).toMatch(DESCRIPTOR);
    }
  });
});

describe.each(TRANSPORTS)("can't create second object for same fh, over %s", (transport) => {
  const SECOND = /^can't create second object for same fh/;

  spec('is thrown while the first stream uses the fh; the first stream continues', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: log.cb }));
    expect(thrownBy({ cb, fh: near })).toMatch(SECOND);
    expect(thrownBy({ cb, fh: near })).toMatch(SECOND);
    far.write('first');
    await log.waitFor('IN');
    expect(thrownBy({ cb, fh: near })).toMatch(SECOND);
    expect(io.inBuf.toString()).toBe('first');
    io.write('continued');
    io.end();
    expect((await allOf(far)).toString()).toBe('continued');
  });

  spec("is not thrown after close(), but `can't get file descriptor`", async (h) => {
    const { near, far } = await pair(h, transport);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb }));
    io.close();
    far.end();
    await firstValueFrom(io.closed$);
    expect(thrownBy({ cb, fh: near })).toMatch(/^can't get file descriptor/);
  });
});

describe("can't create second object for same fh, with descriptor numbers", () => {
  spec('is thrown until the stream is closed; the number can be used again once it is reopened', async (h) => {
    const path = join(tmpdir(), `diagnostics-${process.pid}`);
    h.defer(() => rmSync(path));
    const fd = openSync(path, 'w+');
    const io = watchedStream(h, new IOStream({ fh: fd, waitFor: IN, outBuf: 'first,', cb }));
    expect(thrownBy({ cb, fh: fd })).toMatch(/^can't create second object for same fh/);
    io.close();
    await firstValueFrom(io.closed$);
    expect(thrownBy({ cb, fh: fd })).toMatch(/^can't get file descriptor/);
    const again = openSync(path, 'a+');
    const second = watchedStream(h, new IOStream({ fh: again, waitFor: IN, outBuf: 'second', cb }));
    second.close();
    await firstValueFrom(second.closed$);
    const handle = await open(path);
    h.defer(() => handle.close());
    expect((await handle.readFile()).toString()).toBe('first,second');
  });

  spec('is not thrown after a `new` that was refused', async (h) => {
    const { near, far } = await pair(h);
    expect(thrownBy({ fh: near, waitFor: 'IN', cb })).toMatch(/^usage/);
    expect(thrownBy({ fh: near, outBuf: 5, cb })).toMatch(/^usage/);
    const log = new EventLog(h);
    watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: log.cb }));
    far.write('x');
    await log.waitFor('IN');
  });
});

describe('{fh} already connected', () => {
  const proxy: Plugin = handshake({ to: { host: '127.0.0.1', port: 1 }, *talk() {} });

  spec('is thrown for a plugin that dials its own address; another stream can use the fh', async (h) => {
    const { near, far } = await pair(h);
    expect(thrownBy({ fh: near, plugin: { proxy }, cb })).toMatch(/^\{fh\} already connected/);
    const log = new EventLog(h);
    watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: log.cb }));
    far.write('x');
    await log.waitFor('IN');
  });

  it('is thrown for the option `wire`, too', () => {
    expect(thrownBy({ wire: () => () => undefined, plugin: { proxy } })).toMatch(/^\{fh\} already connected/);
  });
});
