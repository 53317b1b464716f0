import { once } from 'node:events';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { IOStream } from '../../src/stream/io-stream.ts';
import { webSocket } from '../../src/wire/web-socket/web-socket.ts';
import * as certificates from '../support/certificates.ts';
import { chromiumName, launchChromium, type Chromium, type Page } from '../support/chromium.ts';
import { deadPort } from '../support/loopback.ts';

const why = 'needs Chromium: .ci/install-peers';
const MIB = 1024 * 1024;
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

describe.skipIf(chromiumName === undefined)(`the wires of the Web in Chromium (${why})`, () => {
  let chromium: Chromium;
  let page: Page;
  let script: string;
  let socketUrl: string;
  const closeCodes: number[] = [];
  let waiting: WebSocket | undefined;
  const http = createServer((request, response) => {
    if (request.url === '/checks.js') response.setHeader('content-type', 'text/javascript').end(script);
    else if (request.url === '/file') {
      Readable.from(Array.from({ length: 16 }, () => Buffer.alloc(MIB, 7))).pipe(response);
    } else response.setHeader('content-type', 'text/html').end('<!doctype html><link rel="icon" href="data:,">');
  });
  // Browsers stream the body of a request over HTTP/2 only.
  const http2 = createSecureServer(certificates.server, (request, response) => {
    if (request.method !== 'POST') {
      response.setHeader('content-type', request.url === '/checks.js' ? 'text/javascript' : 'text/html');
      response.end(request.url === '/checks.js' ? script : '<!doctype html><link rel="icon" href="data:,">');
      return;
    }
    let received = 0;
    request.on('data', (bytes: Buffer) => (received += bytes.length)).on('end', () => response.end(`received ${received} bytes`));
  });
  const sockets = new WebSocketServer({ server: http });

  const serve: Readonly<Record<string, (socket: WebSocket) => void>> = {
    echo: (socket) => {
      const io = new IOStream({ wire: webSocket(socket) });
      io.send(io).subscribe({ error: () => {} });
    },
    policy: (socket) => socket.send('before', () => socket.close(1008, 'not for you')),
    normal: (socket) => socket.send('all', () => socket.close(1000)),
    lost: (socket) => socket.send('before', () => setTimeout(() => socket.terminate(), 50)),
    flood: (socket) => void Array.from({ length: 10 }, () => socket.send(Buffer.alloc(65_536))),
    quiet: (socket) => void socket.on('close', (code: number) => closeCodes.push(code)),
    // Passes the messages of two sockets on to each other.
    pair: (socket) => {
      const other = waiting;
      waiting = other ? undefined : socket;
      for (const [from, to] of other ? [[socket, other] as const, [other, socket] as const] : []) {
        from.on('message', (message) => to.send(message));
        from.on('close', () => to.close());
      }
    },
    half: (socket) => {
      const io = new IOStream({ wire: webSocket(socket, { halfClose: true }), allowHalfOpen: true });
      let text = '';
      io.data$.subscribe({ next: (bytes) => (text += bytes.toString()), complete: () => io.end(`response to ${text}`), error: () => {} });
    },
  };
  sockets.on('connection', (socket, request) => serve[request.url?.slice(1) ?? '']?.(socket));

  beforeAll(async () => {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL('./wire-checks.ts', import.meta.url))],
      bundle: true,
      platform: 'browser',
      format: 'esm',
      target: 'es2022',
      write: false,
      tsconfigRaw: {}, // The built package, not the sources.
    });
    script = outputFiles[0]?.text ?? '';
    http.listen(0, '127.0.0.1');
    http2.listen(0, '127.0.0.1');
    await Promise.all([once(http, 'listening'), once(http2, 'listening')]);
    socketUrl = `ws://127.0.0.1:${portOf(http)}`;
    chromium = await launchChromium(['--ignore-certificate-errors']);
    page = await chromium.newPage();
    await page.goto(`http://127.0.0.1:${portOf(http)}/`);
  });

  afterAll(async () => {
    await chromium.close();
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
    http.close();
    http.closeAllConnections();
    http2.close();
  });

  /** Calls a check in the page. */
  function run<T>(name: string, ...args: readonly unknown[]): Promise<T> {
    return page.evaluate<T>(`import('/checks.js').then((checks) => checks.${name}(${args.map((arg) => JSON.stringify(arg)).join(', ')}))`);
  }

  it('carries 16 MiB to an echo and back, past a slow reader, with bounded memory', async () => {
    expect(await run('echo', `${socketUrl}/echo`, 16 * MIB)).toEqual({
      sent: 16 * MIB,
      received: 16 * MIB,
      isSame: true,
      by: 'us',
      facts: { closeCode: 1000, closeReason: '' },
      isBounded: true,
    });
  });

  it('reports the close code and the reason, after the bytes before it', async () => {
    expect(await run('failure', `${socketUrl}/policy`)).toEqual({
      text: 'before',
      name: 'IOStreamError',
      code: 'ECONNRESET',
      phase: 'read',
      closeCode: 1008,
      closeReason: 'not for you',
    });
    expect(await run('failure', `${socketUrl}/lost`)).toMatchObject({ text: 'before', code: 'ECONNRESET', closeCode: 1006 });
    expect(await run('failure', `${socketUrl}/normal`)).toEqual({ text: 'all', completed: true });
  });

  it('reports a server that is not there, without a reason', async () => {
    expect(await run('failure', `ws://127.0.0.1:${await deadPort()}/`)).toMatchObject({
      code: 'ECONNABORTED',
      phase: 'connect',
      closeCode: 1006,
    });
  });

  it('fails over inBufLimit, because a page cannot stop its peer', async () => {
    expect(await run('overLimit', `${socketUrl}/flood`)).toMatchObject({ code: 'EINBUFLIMIT', phase: 'read' });
  });

  it('resets with 4000', async () => {
    await run('reset', `${socketUrl}/quiet`);
    await expect.poll(() => closeCodes, { timeout: 5000 }).toEqual([4000]);
  });

  it('ends each direction by itself with halfClose', async () => {
    expect(await run('halfClose', `${socketUrl}/half`)).toBe('response to request');
  });

  it('keeps the rules of a wire with overMessages over the WebSockets of the browser', async () => {
    const report = await run<string>('rulesOverMessages', `${socketUrl}/pair`);
    expect(report.split('\n').filter((line) => !line.endsWith(': ok'))).toEqual([]);
    expect(report.split('\n').length).toBe(11);
  });

  it('fills the buffers of a BYOB reader of toWebStreams', async () => {
    expect(await run('byob', `${socketUrl}/echo`)).toEqual({ text: 'abcdefghij', sizes: [4, 4, 2] });
  });

  it('reads a file of `fetch` through webStreams', async () => {
    expect(await run('download', '/file')).toBe(16 * MIB);
  });

  it('uploads a stream of `fetch` through webStreams, over HTTP/2', async () => {
    const secure = await chromium.newPage();
    const origin = `https://127.0.0.1:${portOf(http2)}`;
    await secure.goto(`${origin}/`);
    const response = await secure.evaluate(`import('/checks.js').then(({ upload }) => upload('${origin}/', ${16 * MIB}))`);
    expect(response).toBe(`received ${16 * MIB} bytes`);
    expect(secure.errors).toEqual([]);
  });
});
