import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect, createServer, Socket } from 'node:net';
import { type Duplex, PassThrough, Readable, Writable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { EMPTY } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { fromFh, type Fh } from '../../../src/wire/fh/fh.ts';
import { WireDriver, dialOf } from '../../support/wire-driver.ts';
import { addressOf, directory, fresh, isOpen, pair } from '../../support/fh-peers.ts';
import type { Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';

const carry = (h: Harness, fh: Fh): WireDriver => new WireDriver(h, fromFh(fh));

describe('fromFh: an fh that cannot be carried', () => {
  const stream = (): PassThrough => new PassThrough();
  it.each([
    ['undefined', () => undefined, /got undefined/],
    ['null', () => null, /got null/],
    ['text', () => 'stdin', /got string/],
    ['a function', () => () => 1, /got function/],
    ['a plain object', () => ({ on() {}, write() {} }), /got Object/],
    ['an object without a prototype', () => Object.create(null) as unknown, /got object/],
    ['a negative number', () => -1, /got -1/],
    ['a fraction', () => 1.5, /got 1\.5/],
    ['NaN', () => NaN, /got NaN/],
    ['a number that is too big', () => 2 ** 40, /got 1099511627776/],
    ['a number that is not open', () => 987654, /987654, which is not open/],
    ['a destroyed stream', () => stream().destroy(), /PassThrough that is closed/],
    ['a destroyed socket', () => new Socket().destroy(), /Socket that is closed/],
    ['a stream that was ended both ways', ended, /that has ended/],
    ['a Writable that was ended', () => new Writable({ write() {} }).end(), /Writable that has ended/],
    ['an objectMode Readable', () => Readable.from([1]), /Readable in objectMode/],
    ['an objectMode Writable', () => new Writable({ objectMode: true }), /Writable in objectMode/],
    ['an objectMode Duplex', () => new PassThrough({ objectMode: true }), /PassThrough in objectMode/],
    ['a Duplex whose writable side is in objectMode', () => new PassThrough({ writableObjectMode: true }), /objectMode/],
    ['a stream with setEncoding', () => stream().setEncoding('utf8'), /setEncoding\('utf8'\)/],
    ["a stream with a 'data' listener", () => stream().on('data', () => {}), /read already/],
    ["a stream with a 'readable' listener", () => stream().on('readable', () => {}), /read already/],
    ['a stream that is piped', piped, /read already/],
    ['a stream that flows', () => stream().resume(), /read already/],
  ])('refuses %s', async (_name, make, says) => {
    const fh = await (make() as Promise<unknown>);
    const opening = (): unknown => fromFh(fh as Fh);
    expect(opening).toThrow(TypeError);
    expect(opening).toThrow(/^can't get file descriptor: expected /);
    expect(opening).toThrow(says);
  });

  it('keeps the error of a stream that failed as the cause', () => {
    const cause = new Error('mine');
    const fh = stream().on('error', () => {});
    fh.destroy(cause);
    expect(() => fromFh(fh)).toThrow(expect.objectContaining({ cause }));
  });

  it('refuses a closed FileHandle', async () => {
    const handle = await open('/dev/null', 'r');
    await handle.close();
    expect(() => fromFh(handle)).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        message: expect.stringMatching(/^can't get file descriptor: expected an open FileHandle/),
      }),
    );
  });

  it('refuses a directory', () => {
    const fd = openSync(directory, 'r');
    expect(() => fromFh(fd)).toThrow(/can't get file descriptor: expected .*, got \d+, which is a directory; list/);
    closeSync(fd);
  });

  it('refuses a descriptor that was closed by its wire', async () => {
    const fd = openSync('/dev/null', 'r');
    EMPTY.pipe(fromFh(fd)(dialOf())).subscribe();
    while (isOpen(fd)) await wait(1);
    expect(() => fromFh(fd)).toThrow(/which is not open/);
  });

  it.runIf(process.platform === 'linux')('refuses descriptors of other things', async () => {
    const poll = descriptors('anon_inode:[eventpoll]')[0];
    expect(() => fromFh(poll ?? 0)).toThrow(/can't get file descriptor: .* which is something else/);
    const before = descriptors('socket:');
    const udp = createSocket('udp4').bind(0, '127.0.0.1');
    await once(udp, 'listening');
    const made = descriptors('socket:').find((fd) => !before.includes(fd));
    expect(() => fromFh(made ?? 0)).toThrow(/can't get file descriptor: expected a descriptor of a TCP or UNIX socket/);
    udp.close();
  });

  it('refuses a descriptor that another stream of this process reads', async () => {
    const server = createServer().listen(fresh());
    const fh = connect(addressOf(server)).resume();
    await once(fh, 'connect');
    const { _handle: handle } = fh as unknown as { _handle: { fd: number } };
    // Not under the harness: Node forgets a handle of its own here.
    expect(() => fromFh(handle.fd)).toThrow(/expected a descriptor without another reader/);
    fh.destroy();
    server.close();
  });

  spec('accepts a stream whose earlier reader has removed its listeners', async (h) => {
    const { fh, peer } = await pair(h, 'accepted');
    fh.on('data', () => {}).pause();
    fh.removeAllListeners('data');
    const io = carry(h, fh);
    peer.end('x');
    await io.waitFor('end');
    expect(io.text).toBe('x');
  });

  async function ended(): Promise<Duplex> {
    const fh = new PassThrough({ autoDestroy: false });
    await once(fh.end().resume(), 'end');
    return fh;
  }

  function piped(): Readable {
    const fh = stream();
    fh.pipe(stream());
    return fh;
  }

  function descriptors(kind: string): number[] {
    const links = readdirSync('/proc/self/fd').map((name) => {
      try {
        return [Number(name), readlinkSync(`/proc/self/fd/${name}`)] as const;
      } catch {
        return [-1, ''] as const; // the descriptor of the listing itself
      }
    });
    return links.filter(([, link]) => link.startsWith(kind)).map(([fd]) => fd);
  }
});
