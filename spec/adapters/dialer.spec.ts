import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { dialer, passthrough, tlsClient, type DialArguments, type DialerSocket, type DialTarget } from 'rxjs-io-stream';
import { ca } from '../support/certificates.ts';
import { allOf, deadPort, served } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';
import { turns } from '../stream/tools.ts';
import { changingLookup, eventsOf, greeter, keeper, tlsGreeter } from './dialer-tools.ts';

const WRONG_SOCKET_OPTIONS: readonly [options: object, message: string][] = [
  [{ timeout: -1 }, 'expected `timeout` of a connection to be milliseconds, 0 or more, got -1 (number)'],
  [{ timeout: '5' }, 'expected `timeout` of a connection to be milliseconds, 0 or more, got "5" (string)'],
  [{ signal: 5 }, 'expected `signal` of a connection to be an AbortSignal, got 5 (number)'],
  [{ signal: { aborted: false } }, 'expected `signal` of a connection to be an AbortSignal, got an object (Object)'],
  [{ signal: new EventTarget() }, 'expected `signal` of a connection to be an AbortSignal, got an object (EventTarget)'],
];

describe('connect of a dialer', () => {
  const forms: [name: string, args: (port: number) => DialArguments][] = [
    ['a host and a port', (port) => [{ host: '127.0.0.1', port }]],
    ['a port in digits', (port) => [{ host: '127.0.0.1', port: String(port) }]],
    ['a port and a host as arguments', (port) => [port, '127.0.0.1']],
    ['a port in digits as argument', (port) => [String(port), '127.0.0.1']],
    ['a port only, at localhost', (port) => [port]],
    ['null for what is absent', (port) => [{ host: '127.0.0.1', port, path: null, family: undefined }]],
    [
      'options of a library that it does not know',
      (port) => [{ host: '127.0.0.1', port, encoding: 'utf8', highWaterMark: 1 } as DialTarget],
    ],
    ["the family 'IPv4'", (port) => [{ host: 'localhost', port, family: 'IPv4' }]],
  ];
  spec.each(forms)('dials %s', async (h, _, args) => {
    const { connect } = dialer();
    const socket = connect(...args(await greeter(h)));
    expect([socket.connecting, socket.pending, socket.readyState]).toEqual([true, true, 'opening']);
    h.sameBytes(await allOf(socket), 'hello');
    socket.destroy();
  });

  spec.each([
    ['as argument', (path: string): DialArguments => [path]],
    ['as option', (path: string): DialArguments => [{ path, host: 'ignored.test', port: 1 }]],
  ])('dials a path %s', async (h, _, args) => {
    const { path } = (await served(h, (socket) => socket.end('hello'), 'UNIX')) as { path: string };
    h.sameBytes(await allOf(dialer().connect(...args(path))), 'hello');
  });

  spec.each([
    ['a target', (port: number, called: () => void): DialArguments => [{ host: '127.0.0.1', port }, called]],
    ['a port', (port: number, called: () => void): DialArguments => [port, called]],
    ['a port and a host', (port: number, called: () => void): DialArguments => [port, '127.0.0.1', called]],
  ])('calls back after %s, when the connection is open', async (h, _, args) => {
    const port = await greeter(h);
    let socket: DialerSocket | undefined;
    const connecting = await new Promise((resolve) => {
      socket = dialer().connect(...args(port, () => resolve(socket?.connecting)));
    });
    expect(connecting).toBe(false);
    socket?.destroy();
  });

  spec("emits the events of a TLSSocket with a TLS plugin on top, and calls back at 'secureConnect'", async (h) => {
    const port = await tlsGreeter(h);
    const { connect } = dialer({ plugin: { tls: tlsClient({ ca, ALPNProtocols: ['h2'] }), none: passthrough() } });
    const called: unknown[] = [];
    const socket = connect({ host: '127.0.0.1', port }, () => called.push(socket.authorized, socket.alpnProtocol, socket.getProtocol?.()));
    const events = eventsOf(socket);
    expect([socket.encrypted, socket.authorized]).toEqual([true, false]);
    await h.until(() => called.length > 0);
    expect(called).toEqual([true, 'h2', 'TLSv1.3']);
    expect(socket.getPeerCertificate?.().subject).toEqual(expect.objectContaining({ CN: expect.any(String) as string }));
    h.sameBytes(await allOf(socket), 'hello');
    expect(events.slice(0, 3)).toEqual(['connect', 'ready', 'secureConnect']);
    socket.destroy();
  });

  spec("emits Node's error, with the error of the stream as its cause", async (h) => {
    const port = await deadPort();
    const socket = dialer().connect(port, '127.0.0.1');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1', port });
    h.error(error.cause, { code: 'ECONNREFUSED', phase: 'connect' });
  });

  spec('applies the socket options of the target', async (h) => {
    const place = (await served(h)) as { host: string; port: number };
    const aborting = new AbortController();
    const options = { localAddress: '127.0.0.2', timeout: 1, keepAlive: true, keepAliveInitialDelay: 1000, signal: aborting.signal };
    const socket = dialer({ localAddress: '127.0.0.3' }).connect({ ...place, ...options });
    await Promise.all([once(socket, 'connect'), once(socket, 'timeout')]);
    expect([socket.localAddress, socket.timeout]).toEqual(['127.0.0.2', 1]);
    aborting.abort();
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.name).toBe('AbortError');
  });

  spec('takes the options of the dialer where the target has none', async (h) => {
    const { port } = (await served(h)) as { port: number };
    const { lookup, asked } = changingLookup('127.0.0.1');
    const { connect } = dialer({ localAddress: '127.0.0.3', lookup });
    const socket = connect({ host: 'name.test', port });
    await once(socket, 'connect');
    expect([socket.localAddress, asked]).toEqual(['127.0.0.3', ['name.test']]);
    socket.destroy();
    const own = connect({ host: 'name.test', port, lookup: (_host, _options, callback) => callback(null, '127.0.0.1', 4) });
    await once(own, 'connect');
    expect(asked).toEqual(['name.test']);
    own.destroy();
  });

  const wrong: [args: unknown[], message: string][] = [
    [[{}], "expected `port` of a dialer's target to be an integer from 1 to 65535, or a `path`, got undefined"],
    [[], "expected `port` of a dialer's target to be an integer from 1 to 65535, or a `path`, got undefined"],
    [[null], 'expected an object of options for a target of a dialer, got null'],
    [[{ port: 0 }], 'got 0 (number)'],
    [[65536], 'got 65536 (number)'],
    [['65536'], 'got "65536" (string)'],
    [[{ port: '80x' }], 'got "80x" (string)'],
    [[{ port: 80, host: 'with space' }], 'expected `host` to be a host name or address'],
    [[{ port: 80, localAddress: '' }], 'expected `localAddress` to be an address'],
    ...WRONG_SOCKET_OPTIONS.map(([options, message]): [unknown[], string] => [[{ port: 80, ...options }], message]),
  ];
  it.each(wrong)('throws for %j', (args, message) => {
    const connect = dialer().connect as unknown as (...args: unknown[]) => unknown;
    expect(() => connect(...args)).toThrow(TypeError);
    expect(() => connect(...args)).toThrow(message);
  });

  spec.each(['connect', 'socket'] as const)('does not dial in `%s` for a wrong option of the socket', async (h, form) => {
    const { host, port, sockets, accepted } = await keeper(h);
    const through = dialer();
    for (const [options, message] of WRONG_SOCKET_OPTIONS) {
      const target = { host, port, ...options } as DialTarget;
      expect(() => (form === 'connect' ? through.connect(target) : through.socket().connect(target as never))).toThrow(message);
    }
    const late = through.socket();
    expect(() => late.connect({ host, port, timeout: -1 } as never)).toThrow(TypeError);
    late.connect(port, host); // The failed call left it as it was.
    await accepted();
    await turns(100);
    expect(sockets).toHaveLength(1);
    late.destroy();
  });

  it.each<[options: object, message: string]>([
    [{ plugins: {} }, 'plugins'],
    [{ port: 1 }, 'port'],
    [{ guard: true }, '`guard` to be a function'],
    [{ tls: { ca: 1 } }, 'tlsClient: expected `ca` to be'],
    [{ tls: { cert_authority: '' } }, 'cert_authority'],
    [{ plugin: { tls: tlsClient } }, 'plugin'],
  ])('refuses the options %j of a dialer', (options, message) => {
    expect(() => dialer(options)).toThrow(TypeError);
    expect(() => dialer(options)).toThrow(message);
  });

  spec('reads no option from Object.prototype', async (h) => {
    const port = await greeter(h);
    const polluted = { path: '/nowhere', localAddress: '192.0.2.1', timeout: 1 };
    Object.assign(Object.prototype, polluted);
    let socket: DialerSocket;
    try {
      socket = dialer().connect({ host: '127.0.0.1', port });
    } finally {
      for (const each of Object.keys(polluted)) Reflect.deleteProperty(Object.prototype, each);
    }
    expect(socket.timeout).toBeUndefined();
    h.sameBytes(await allOf(socket), 'hello');
  });
});
