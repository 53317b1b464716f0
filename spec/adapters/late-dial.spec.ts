import { once } from 'node:events';
import { Socket } from 'node:net';
import { describe, expect } from 'vitest';
import { asyncScheduler, timer, type SchedulerLike } from 'rxjs';
import { dialer, handshake, tlsClient } from 'rxjs-io-stream';
import { ca } from '../support/certificates.ts';
import { allOf, deadPort, served } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';
import { changingLookup, eventsOf, greeter, keeper, tlsGreeter } from './dialer-tools.ts';

const MEMBERS = ['connecting', 'pending', 'readyState', 'destroyed', 'timeout', 'bytesRead', 'bytesWritten', 'remoteAddress'] as const;
const valuesOf = (socket: Socket): unknown => Object.fromEntries(MEMBERS.map((name) => [name, socket[name]]));

describe('socket of a dialer', () => {
  spec('has the values of a net.Socket, before `connect`, while connecting, connected, and closed', async (h) => {
    const { host, port } = await keeper(h);
    const seen: unknown[][] = [];
    for (const socket of [new Socket(), dialer().socket()]) {
      const values = [valuesOf(socket)];
      socket.connect(port, host);
      values.push(valuesOf(socket));
      await once(socket, 'connect');
      values.push(valuesOf(socket));
      socket.destroy();
      await once(socket, 'close');
      seen.push([...values, valuesOf(socket)]);
    }
    expect(seen[1]).toEqual(seen[0]);
  });

  spec.each([
    ['a port and a host', (port: number) => [port, '127.0.0.1']],
    ['digits and a host', (port: number) => [String(port), '127.0.0.1']],
    ['a target', (port: number) => [{ host: '127.0.0.1', port }]],
  ])('dials when `connect` is called with %s, and calls back', async (h, _, args) => {
    const port = await greeter(h);
    const socket = dialer().socket();
    const events = eventsOf(socket);
    await new Promise<void>(
      (called) => void Reflect.apply<typeof socket, unknown[], typeof socket>(socket.connect, socket, [...args(port), called]),
    );
    h.sameBytes(await allOf(socket), 'hello');
    expect(events.slice(0, 2)).toEqual(['connect', 'ready']);
    expect([socket.remoteAddress, socket.remotePort]).toEqual(['127.0.0.1', port]);
    socket.destroy();
  });

  spec('dials a path', async (h) => {
    const { path } = (await served(h, (socket) => socket.end('hello'), 'UNIX')) as { path: string };
    const socket = dialer().socket();
    socket.connect(path);
    h.sameBytes(await allOf(socket), 'hello');
  });

  spec('sends what was written, and applies what was set, before `connect`', async (h) => {
    const { accepted, port } = await keeper(h);
    const socket = dialer().socket();
    expect(socket.setNoDelay(true).setKeepAlive(true, 1000).setTimeout(40)).toBe(socket);
    socket.unref().ref();
    socket.end('before');
    await once(socket, 'timeout'); // The timer runs before the connection exists, as in Node.
    socket.connect({ host: '127.0.0.1', port });
    const peer = await accepted();
    h.sameBytes(await allOf(peer), 'before');
    expect(socket.timeout).toBe(40);
    peer.end();
    await once(socket.resume(), 'close');
  });

  spec('applies the socket options of the target, and those of the dialer where it has none', async (h) => {
    const { port } = await keeper(h);
    const through = dialer({ localAddress: '127.0.0.3', lookup: changingLookup('127.0.0.1', '127.0.0.1').lookup });
    const aborting = new AbortController();
    const [own, plain] = [through.socket(), through.socket()];
    own.connect({ port, host: 'name.test', localAddress: '127.0.0.2', timeout: 10_000, signal: aborting.signal } as never);
    plain.connect(port, 'name.test');
    await Promise.all([once(own, 'connect'), once(plain, 'connect')]);
    expect([own.localAddress, own.timeout, plain.localAddress]).toEqual(['127.0.0.2', 10_000, '127.0.0.3']);
    plain.destroy();
    aborting.abort();
    expect(((await once(own, 'error')) as [Error])[0].name).toBe('AbortError');
  });

  spec('can be destroyed before `connect`, and does not dial then', async (h) => {
    const { sockets, port } = await keeper(h);
    const socket = dialer().socket();
    const events = eventsOf(socket);
    socket.destroy();
    socket.connect(port, '127.0.0.1', () => events.push('callback'));
    await once(socket, 'close');
    expect(() => socket.connect(port, '127.0.0.1')).toThrow(/cannot be opened again/);
    expect([events, sockets.length, socket.destroyed]).toEqual([['close'], 0, true]);
  });

  spec('emits the error that destroys it before `connect`', async () => {
    const socket = dialer().socket();
    socket.destroy(new Error('of the library'));
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toBe('of the library');
  });

  spec('emits the error of the dial', async (h) => {
    const socket = dialer().socket();
    socket.connect(await deadPort(), '127.0.0.1');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    h.error(error.cause, { code: 'ECONNREFUSED', phase: 'connect' });
  });

  spec('emits `lookup` with the name', async (h) => {
    const port = await greeter(h);
    const socket = dialer({ lookup: changingLookup('127.0.0.1').lookup }).socket();
    socket.connect(port, 'name.test').resume();
    expect(await once(socket, 'lookup')).toEqual([null, '127.0.0.1', 4, 'name.test']);
    await once(socket, 'close');
  });

  spec('counts its time limits from `connect` on', async (h) => {
    const place = (await served(h)) as { host: string; port: number };
    let passed = 0;
    const now = (): number => asyncScheduler.now() + passed;
    const scheduler = Object.create(asyncScheduler, { now: { value: now } }) as SchedulerLike;
    const slow = handshake({
      *talk(link) {
        yield* link.wait(() => timer(10));
      },
    });
    const socket = dialer({ scheduler, plugin: { slow } }).socket();
    passed = 3_600_000;
    socket.connect(place);
    await once(socket, 'connect');
    socket.destroy();
    expect(socket.destroyed).toBe(true);
  });

  spec('throws for a wrong target, and dials after that', async (h) => {
    const port = await greeter(h);
    const socket = dialer().socket();
    expect(() => socket.connect({ port: 'x' } as never)).toThrow(TypeError);
    expect([socket.connecting, socket.pending]).toEqual([false, true]);
    socket.connect(port, '127.0.0.1');
    h.sameBytes(await allOf(socket), 'hello');
  });

  spec('fails with EISCONN at a second `connect`, as in Node', async (h) => {
    const place = (await served(h)) as { host: string; port: number };
    const socket = dialer().socket();
    socket.connect(place);
    await once(socket, 'connect');
    socket.connect(place);
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('EISCONN');
  });

  spec("emits 'connect' before, and 'secureConnect' after the handshake of a TLS plugin on top", async (h) => {
    const port = await tlsGreeter(h);
    const socket = dialer({ plugin: { tls: tlsClient({ ca }) } }).socket();
    const events = eventsOf(socket);
    expect([socket.encrypted, socket.secureConnecting]).toEqual([false, false]);
    const secure: unknown[] = [];
    for (const name of ['connect', 'secureConnect']) socket.once(name, () => secure.push(name, socket.connecting, socket.secureConnecting));
    socket.connect(port, '127.0.0.1');
    expect([socket.encrypted, socket.secureConnecting]).toEqual([true, true]);
    h.sameBytes(await allOf(socket), 'hello');
    expect([events.slice(0, 3), socket.authorized]).toEqual([['connect', 'ready', 'secureConnect'], true]);
    expect(secure).toEqual(['connect', false, true, 'secureConnect', false, false]);
    socket.destroy();
  });
});
