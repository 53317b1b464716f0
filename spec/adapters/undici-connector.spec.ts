import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Agent, fetch as undiciFetch, getGlobalDispatcher, setGlobalDispatcher } from 'undici';
import { describe, expect } from 'vitest';
import { dialer, passthrough, tlsClient, trace, type Dialer, type UndiciConnectOptions } from 'rxjs-io-stream';
import { ca, other, server as identity } from '../support/certificates.ts';
import type { Harness } from '../support/harness.ts';
import { deadPort, socketPath } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';

/** Replies with the version of HTTP, and whether the TLS session was resumed. */
const reply: RequestListener = ({ httpVersion, socket }, response) => {
  const { servername, isSessionReused } = socket as Partial<TLSSocket>;
  response.end([httpVersion, servername, isSessionReused?.call(socket)].map(String).join(' '));
};

/** Listens on a free port of loopback, or a path, until the end of the spec. */
async function listening(h: Harness, server: Server, path?: string): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket.on('error', () => {})));
  server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path });
  await once(server, 'listening');
  h.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as Partial<AddressInfo>).port ?? 0;
}

const h2Server = (): Server => createSecureServer({ ...identity, allowHTTP1: true }, reply as never);

/** Fetches with an undici Agent over the dialer. */
async function fetched(h: Harness, { undici }: Dialer, url: string, options: Agent.Options = {}): Promise<string> {
  const dispatcher = new Agent({ ...options, connect: undici });
  h.defer(() => dispatcher.destroy());
  const response = await undiciFetch(url, { dispatcher });
  return response.text();
}

/** Calls the connector. Resolves with its socket, or rejects with its error. */
function connected(h: Harness, { undici }: Dialer, options: UndiciConnectOptions): Promise<Socket> {
  return new Promise((resolve, reject) =>
    undici(options, (error, socket) => {
      if (socket) h.defer(() => socket.destroy());
      if (error) reject(error);
      else resolve(socket);
    }),
  );
}

describe('undici of a dialer', () => {
  spec('opens connections in clear text for http:', async (h) => {
    const port = await listening(h, createHttpServer(reply));
    expect(await fetched(h, dialer({ plugin: { none: passthrough() } }), `http://localhost:${port}/`)).toBe('1.1 undefined undefined');
  });

  spec('adds TLS for https:, with the options `tls` and the name of the origin', async (h) => {
    const port = await listening(h, createHttpsServer(identity, reply));
    expect(await fetched(h, dialer({ tls: { ca } }), `https://localhost:${port}/`)).toBe('1.1 localhost false');
  });

  spec('refuses a certificate that is not trusted, or is for another name', async (h) => {
    const port = await listening(h, createHttpsServer(identity, reply));
    const others = await listening(h, createHttpsServer(other, reply));
    await expect(fetched(h, dialer(), `https://localhost:${port}/`)).rejects.toMatchObject({
      cause: { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
    });
    await expect(fetched(h, dialer({ tls: { ca } }), `https://localhost:${others}/`)).rejects.toMatchObject({
      cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    });
    expect(await fetched(h, dialer({ tls: { ca, servername: 'other.test' } }), `https://localhost:${others}/`)).toBe(
      '1.1 other.test false',
    );
  });

  spec('takes the server name of a request before that of `tls`', async (h) => {
    const port = await listening(h, createHttpsServer(other, reply));
    const through = dialer({ tls: { ca, servername: 'ignored.test' } });
    const options = { hostname: '127.0.0.1', protocol: 'https:', port: String(port) };
    const socket = (await connected(h, through, { ...options, servername: 'other.test' })) as unknown as TLSSocket;
    expect([socket.servername, socket.alpnProtocol, socket.authorized]).toEqual(['other.test', 'http/1.1', true]);
    await expect(connected(h, through, options)).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  const protocols: [name: string, options: Agent.Options, ALPNProtocols: string[] | undefined, version: string][] = [
    ['HTTP/1.1 by default', {}, undefined, '1.1'],
    ['HTTP/2 with `allowH2` of the Agent', { allowH2: true }, undefined, '2.0'],
    ['HTTP/1.1 with `allowH2: false`, whatever `tls` offers', { allowH2: false }, ['h2'], '1.1'],
    ['what `ALPNProtocols` of `tls` offers', {}, ['h2', 'http/1.1'], '2.0'],
  ];
  spec.each(protocols)(
    'speaks %s',
    async (h, _, options, ALPNProtocols, version) => {
      const port = await listening(h, h2Server());
      const through = dialer({ tls: { ca, ALPNProtocols } });
      expect(await fetched(h, through, `https://localhost:${port}/`, options)).toMatch(new RegExp(`^${version} `));
    },
    { warnings: /H2 support is experimental/ },
  );

  spec('resumes TLS sessions of the same origin and options', async (h) => {
    const port = await listening(h, createHttpsServer(identity, reply));
    const through = dialer({ tls: { ca } });
    const url = `https://localhost:${port}/`;
    expect(await fetched(h, through, url)).toBe('1.1 localhost false');
    expect(await fetched(h, through, url)).toBe('1.1 localhost true');
    expect(await fetched(h, dialer({ tls: { ca } }), url)).toBe('1.1 localhost false');
  });

  spec('uses a TLS plugin on top as the TLS of the origin', async (h) => {
    const port = await listening(h, createHttpsServer(identity, reply));
    const through = dialer({ plugin: { tls: tlsClient({ ca }), none: passthrough() } });
    expect(await fetched(h, through, `https://localhost:${port}/`)).toBe('1.1 localhost false');
  });

  spec('lays TLS above the plugins, which see ciphertext only', async (h) => {
    const port = await listening(h, createHttpsServer(identity, reply));
    let log = '';
    const through = dialer({ tls: { ca }, plugin: { log: trace({ sink: (entry) => (log += entry) }) } });
    await fetched(h, through, `https://localhost:${port}/secret-path`);
    expect(log).not.toContain('secret-path');
    expect(log.length).toBeGreaterThan(0);
  });

  spec("opens `socketPath` and `localAddress` of undici's options", async (h) => {
    const path = socketPath(h);
    await listening(h, createHttpServer(reply), path);
    expect(await fetched(h, dialer(), 'http://localhost/', { socketPath: path })).toMatch(/^1\.1 /);
    const port = await listening(
      h,
      createHttpServer(({ socket }, response) => response.end(socket.remoteAddress)),
    );
    expect(await fetched(h, dialer(), `http://127.0.0.1:${port}/`, { localAddress: '127.0.0.5' })).toBe('127.0.0.5');
  });

  spec('passes the error of a failed connection to the callback, once', async (h) => {
    const port = await deadPort();
    await expect(fetched(h, dialer(), `http://127.0.0.1:${port}/`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    const wrong = { hostname: 'with space', protocol: 'http:', port: '' };
    await expect(connected(h, dialer(), wrong)).rejects.toThrow(TypeError);
  });

  spec("serves Node's own fetch as a dispatcher, per request and for the process", async (h) => {
    const port = await listening(h, createHttpsServer(identity, reply));
    const before = getGlobalDispatcher();
    const dispatcher = new Agent({ connect: dialer({ tls: { ca } }).undici });
    h.defer(() => dispatcher.destroy());
    const once = await fetch(`https://localhost:${port}/`, { dispatcher } as object);
    expect(await once.text()).toMatch(/^1\.1 localhost/);
    setGlobalDispatcher(dispatcher);
    try {
      expect(await (await fetch(`https://localhost:${port}/`)).text()).toMatch(/^1\.1 localhost/);
    } finally {
      setGlobalDispatcher(before);
    }
  });
});
