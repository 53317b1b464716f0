import { createSocket } from 'node:dgram';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect, createServer, Socket } from 'node:net';
import { Duplex, PassThrough, Readable, Writable, type DuplexOptions } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { EMPTY } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { IOStreamError } from '../../../src/errors.ts';
import { fromFh, type Fh } from '../../../src/wire/fh/fh.ts';
import { WireDriver, dialOf } from '../../support/carry.ts';
import { addressOf, directory, fresh, isOpen, listening, pair, textOf } from '../../support/fh-peers.ts';
import { type Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';

const carry = (h: Harness, fh: Fh): WireDriver => new WireDriver(h, fromFh(fh));

describe('fromFh: sockets', () => {
  for (const kind of ['TCP', 'UNIX'] as const) {
    for (const side of ['accepted', 'connected'] as const) {
      spec(`carries ${side} ${kind} sockets both ways, with half-close`, async (h) => {
        const { fh, peer } = await pair(h, side, kind === 'UNIX' ? fresh() : undefined);
        const io = carry(h, fh);
        expect(io.story).toBe('connected');
        expect(io.up.values[0]).toStrictEqual({ kind: 'connected', details: [{ wire: 'fh', handle: fh }] });
        io.write('question');
        io.end();
        expect(await textOf(peer)).toBe('question');
        peer.end('a late answer');
        await io.up.ended;
        expect([io.story, io.text, io.sent]).toStrictEqual(['connected sent data end complete', 'a late answer', 8]);
      });
    }
  }

  spec('goes on writing after the end of the peer', async (h) => {
    const { fh, peer } = await pair(h, 'accepted');
    fh.allowHalfOpen = false;
    const io = carry(h, fh);
    peer.end('bye');
    await io.saw('end');
    io.write('still here');
    io.end();
    expect(await textOf(peer)).toBe('still here');
    await io.up.ended;
    expect([io.story, io.text, io.sent]).toStrictEqual(['connected data end sent complete', 'bye', 10]);
  });

  spec('waits for a socket that still connects', async (h) => {
    const server = createServer(h.peer((socket: Socket) => void socket.end('hello')));
    await listening(h, server);
    const io = carry(h, connect(addressOf(server)));
    expect(io.story).toBe('');
    await io.saw('end');
    io.end();
    await io.up.ended;
    expect([io.story, io.text]).toStrictEqual(['connected data end complete', 'hello']);
  });

  spec('gives the error of a socket that cannot connect', async (h) => {
    const io = carry(h, connect(fresh()));
    await io.up.ended;
    h.error(io.up.error, { code: 'ENOENT', phase: 'connect', fatal: true });
    expect(io.story).toBe('error');
  });

  spec('gives up on a socket that never connects after timeouts.connect', async (h) => {
    const fh = new Socket();
    const io = new WireDriver(h, fromFh(fh), dialOf({ connect: 20 }));
    await io.up.ended;
    h.error(io.up.error, { code: 'ETOCONNECT', phase: 'connect' });
    expect(fh.destroyed).toBe(true);
  });

  spec('destroys a socket that still connects when it is unsubscribed or closed', async (h) => {
    const server = createServer(h.peer((socket: Socket) => void socket.on('error', () => {}).resume()));
    await listening(h, server);
    const [first, second] = [connect(addressOf(server)), connect(addressOf(server))];
    carry(h, first).up.unsubscribe();
    const io = carry(h, second);
    io.close();
    expect([first.destroyed, second.destroyed, io.story]).toStrictEqual([true, true, 'complete']);
  });

  spec('gives bytes that are buffered already, in order', async (h) => {
    const { fh, peer } = await pair(h, 'accepted');
    peer.write('one two ');
    await once(fh, 'readable');
    const one = fh.read(4) as Buffer;
    fh.unshift(one);
    await h.until(() => fh.listenerCount('readable') === 0);
    const io = carry(h, fh);
    peer.end('three');
    await io.saw('end');
    expect(io.text).toBe('one two three');
    io.close();
    await io.up.ended;
  });

  spec('flushes what was given and waits for the end of the peer when the flow completes', async (h) => {
    const { fh, peer } = await pair(h, 'accepted');
    const bytes = randomBytes(5_000_000);
    const io = carry(h, fh);
    peer.write('never read');
    io.write(bytes);
    io.close();
    h.sameBytes(await peer.toArray().then((chunks) => chunks as Buffer[]), bytes);
    expect(io.story.endsWith('complete')).toBe(false);
    peer.end();
    await io.up.ended;
    expect([io.up.state, io.sent]).toStrictEqual(['complete', bytes.length]);
  });

  spec('resets a TCP socket when the flow errors', async (h) => {
    const { fh, peer } = await pair(h, 'accepted');
    const io = carry(h, fh);
    const ended = once(peer.resume(), 'end');
    io.reset(new IOStreamError('ECONNRESET', { phase: 'close' }));
    await expect(ended).rejects.toThrow(expect.objectContaining({ code: 'ECONNRESET' }));
    h.error(io.up.error, { code: 'ECONNRESET', phase: 'close' });
  });

  spec('gives an error that came between the call and the subscription', async (h) => {
    const { fh } = await pair(h, 'accepted');
    const wire = fromFh(fh);
    fh.destroy(Object.assign(new Error('mine'), { code: 'EMINE' }));
    const io = new WireDriver(h, wire);
    h.error(io.up.error, { code: 'EMINE', phase: 'connect' });
  });

  spec('errors when it was closed between the call and the subscription', async (h) => {
    const { fh } = await pair(h, 'accepted');
    const wire = fromFh(fh);
    fh.destroy();
    h.error(new WireDriver(h, wire).up.error, { code: 'EBADF', phase: 'connect' });
  });
});

describe('fromFh: TLS sockets', () => {
  const psk = { key: Buffer.from('0123456789abcdef'), hint: 'x' };
  const options = { ciphers: 'PSK', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;

  async function dialTls(h: Harness, key: Buffer): Promise<{ client: TLSSocket; accepted: Promise<TLSSocket> }> {
    const server = createTlsServer({ ...options, pskCallback: () => psk.key, pskIdentityHint: psk.hint });
    server.on('tlsClientError', () => {});
    await listening(h, server);
    const accepted = once(server, 'secureConnection').then(([socket]) => socket as TLSSocket);
    const client = connectTls({
      ...options,
      ...(addressOf(server) as { host: string; port: number }),
      pskCallback: () => ({ psk: key, identity: 'me' }),
      checkServerIdentity: () => undefined,
    });
    return { client, accepted };
  }

  spec('carries both ends, the client once it is secure', async (h) => {
    const { client, accepted } = await dialTls(h, psk.key);
    const ours = carry(h, client);
    const theirs = carry(h, await accepted);
    expect(theirs.story).toBe('connected');
    await ours.saw('connected');
    expect(client.getCipher().name.includes('PSK')).toBe(true);
    theirs.write('hello');
    ours.write('question');
    await Promise.all([ours.saw('data'), theirs.saw('data')]);
    ours.end();
    await theirs.saw('end');
    theirs.end();
    await Promise.all([ours.up.ended, theirs.up.ended]);
    expect([ours.text, ours.sent, theirs.text, theirs.sent]).toStrictEqual(['hello', 8, 'question', 5]);
  });

  spec('gives the error of a handshake that fails', async (h) => {
    const { client, accepted } = await dialTls(h, Buffer.from('another key'));
    accepted.catch(() => {});
    const io = carry(h, client);
    await io.up.ended;
    h.error(io.up.error, { phase: 'handshake', fatal: true });
    expect(io.story).toBe('error');
  });
});

describe('fromFh: streams', () => {
  spec('does nothing before it is subscribed', () => {
    const fh = new PassThrough();
    const before = fh.eventNames().length;
    fromFh(fh)(dialOf());
    expect([fh.eventNames().length, fh.readableFlowing]).toStrictEqual([before, null]);
    fh.destroy();
  });

  spec('carries a Duplex', async (h) => {
    const io = carry(h, new PassThrough());
    io.write('echo');
    io.end();
    await io.up.ended;
    expect([io.text, io.sent, io.up.state]).toStrictEqual(['echo', 4, 'complete']);
    expect(io.story.includes('end')).toBe(true);
  });

  spec('carries a Readable', async (h) => {
    const io = carry(h, Readable.from([Buffer.from('a'), Buffer.from('b')], { objectMode: false }));
    await io.up.ended;
    expect([io.story, io.text]).toStrictEqual(['connected data end complete', 'ab']);
  });

  spec('carries a Writable, and gives no end for the direction it never had', async (h) => {
    const got: Buffer[] = [];
    const writable = new Writable({ write: (chunk: Buffer, _, done) => (got.push(chunk), setImmediate(done)) });
    const io = carry(h, writable);
    io.write('abc');
    io.end();
    await io.up.ended;
    expect([io.story, io.sent, Buffer.concat(got).toString()]).toStrictEqual(['connected sent complete', 3, 'abc']);
  });

  spec('pauses its application while a Writable is full', async (h) => {
    const dones: (() => void)[] = [];
    const fh = new Writable({ highWaterMark: 4, write: (_chunk, _, done) => void dones.push(done) });
    const io = carry(h, fh);
    io.write('abcd');
    io.write('ef');
    expect(io.story).toBe('connected pause');
    dones.shift()?.();
    await io.saw('sent');
    expect(io.sent).toBe(4);
    dones.shift()?.();
    await io.saw('resume');
    expect(io.sent).toBe(6);
  });

  spec('gives no end for a Duplex that never could be read', async (h) => {
    const io = carry(h, new Duplex({ readable: false, write: (_chunk, _, done) => done() } as DuplexOptions));
    io.write('abc');
    io.end();
    await io.up.ended;
    expect([io.story, io.sent]).toStrictEqual(['connected sent complete', 3]);
  });

  spec('gives the end of a Duplex that was read before', async (h) => {
    const fh = new Duplex({ read() {}, write: (_chunk, _, done) => done() });
    fh.push(null);
    await once(fh.resume(), 'end');
    const io = carry(h, fh);
    expect(io.story).toBe('connected end');
    io.write('a');
    io.end();
    await io.up.ended;
    expect([io.story, io.sent]).toStrictEqual(['connected end sent complete', 1]);
  });

  spec('reads a Duplex that was ended before; writing to it errors with EPIPE', async (h) => {
    const { fh, peer } = await pair(h, 'accepted');
    fh.end('ours');
    const io = carry(h, fh);
    peer.end('theirs');
    await io.up.ended;
    expect([io.story, io.text, await textOf(peer)]).toStrictEqual(['connected data end complete', 'theirs', 'ours']);

    const second = await pair(h, 'accepted');
    second.fh.end();
    const other = carry(h, second.fh);
    other.write('x');
    h.error(other.up.error, { code: 'EPIPE', phase: 'write', fatal: true });
  });

  spec.each([
    ['a Readable', () => new Readable({ read() {} })],
    ['a Duplex that cannot be written', () => new Duplex({ writable: false, read() {} } as DuplexOptions)],
    ['a descriptor that is read-only', () => openSync('/dev/zero', 'r')],
  ])('errors with EBADF when %s is written to', (h, _name, make) => {
    const io = carry(h, make());
    io.end();
    expect(io.up.state).toBe('open');
    io.write('x');
    h.error(io.up.error, { code: 'EBADF', phase: 'write', fatal: true });
  });

  spec('gives the error of a stream, after the bytes before it', async (h) => {
    const fh = new PassThrough();
    const io = carry(h, fh);
    fh.push('before');
    await io.saw('data');
    fh.destroy(Object.assign(new Error('no'), { code: 'EIO', syscall: 'read' }));
    await io.up.ended;
    expect(io.story).toBe('connected data error');
    h.error(io.up.error, { code: 'EIO', phase: 'read' });
  });

  spec('errors when somebody else closes the stream', async (h) => {
    const fh = new PassThrough();
    const io = carry(h, fh);
    fh.destroy();
    await io.up.ended;
    h.error(io.up.error, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });

  spec('destroys the stream at once when it is unsubscribed, and leaves no listener', async (h) => {
    const fh = new PassThrough();
    const before = fh.eventNames().length;
    const io = carry(h, fh);
    io.up.unsubscribe();
    expect(fh.destroyed).toBe(true);
    await once(fh, 'close');
    expect(fh.eventNames().length).toBe(before);
  });

  spec('closes the stream when the flow is over before it began', (h) => {
    const fh = new PassThrough();
    expect(h.observed(EMPTY.pipe(fromFh(fh)(dialOf()))).state).toBe('complete');
    expect(fh.destroyed).toBe(true);
  });

  spec('is single-use, and leaves the first user alone', (h) => {
    const fh = new PassThrough();
    const wire = fromFh(fh);
    const first = new WireDriver(h, wire);
    h.error(new WireDriver(h, wire).up.error, { code: 'EALREADY', phase: 'connect' });
    expect([first.story, fh.destroyed]).toStrictEqual(['connected', false]);
  });
});

describe('fromFh: what cannot be carried', () => {
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

  spec('takes a stream again that was read and let go', async (h) => {
    const { fh, peer } = await pair(h, 'accepted');
    fh.on('data', () => {}).pause();
    fh.removeAllListeners('data');
    const io = carry(h, fh);
    peer.end('x');
    await io.saw('end');
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
