// A chat with rooms between pages in browsers, over WebSockets.
//   npx tsx examples/web-chat/server.ts [--host ADDRESS] [--port PORT]
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { connect, throttleBytes, webSocket } from 'rxjs-io-stream';
import { Observable, Subscription, tap } from 'rxjs';
import { WebSocketServer } from 'ws';
import { parseCommandLine, parsePort, runProgram, TEXT } from '../support/command-line.ts';
import { untilInterrupted } from '../support/until-interrupted.ts';
import { Rooms } from './rooms.ts';

export interface WebChatOptions {
  /** The address to listen on. */
  readonly host?: string;
  /** The port to listen on. @default 0, any free port */
  readonly port?: number;
  /** Maximum bytes per second read from one page. A page that floods is blocked, and slows down only itself. */
  readonly rate?: number;
  /** A page with more pending bytes than this does not read, and is dropped. */
  readonly limit?: number;
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Serves the page and the chat while subscribed. Emits the address of the page. */
export function webChat({ host = '127.0.0.1', port = 0, rate = 65_536, limit = 262_144 }: WebChatOptions = {}): Observable<string> {
  return new Observable((out) => {
    const rooms = new Rooms(limit);
    const pace = throttleBytes({ rate, direction: 'up' });
    const clients = new Subscription();
    const http = createServer((request, response) => void serve(request, response).catch((error: unknown) => out.error(error)));
    const sockets = new WebSocketServer({ server: http, path: '/chat', maxPayload: 65_536 });
    sockets.on('connection', (socket) => {
      // The same as for a socket of TCP: the connection lasts as long as the Observable of its handler.
      clients.add(connect({ wire: webSocket(socket), plugin: { pace } }, (io) => rooms.attend(io)).subscribe({ error: () => {} }));
    });
    http.on('error', (error) => out.error(error));
    http.listen(port, host, () => out.next(`http://${host}:${(http.address() as AddressInfo).port}/`));
    out.add(clients);
    out.add(() => {
      sockets.close();
      for (const socket of sockets.clients) socket.terminate();
      http.close();
      http.closeAllConnections();
    });
  });
}

async function serve({ url }: IncomingMessage, response: ServerResponse): Promise<void> {
  if (url === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(await readFile(here('index.html')));
  else if (url === '/page.js') response.setHeader('content-type', 'text/javascript').end(await pageScript());
  else response.writeHead(404).end();
}

let script: Promise<string> | undefined;

/** The script of the page with all that it imports, in one file. */
function pageScript(): Promise<string> {
  script ??= build({
    entryPoints: [here('page.ts')],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    tsconfigRaw: {}, // The package by its name, not the sources that the tsconfig of this repository names.
  }).then(({ outputFiles }) => outputFiles[0]?.text ?? '');
  return script;
}

function main(): void {
  const { host, port } = parseCommandLine({ host: { ...TEXT, default: '127.0.0.1' }, port: { ...TEXT, default: '8000' } }).values;
  untilInterrupted(webChat({ host, port: parsePort(port) }).pipe(tap((url) => console.log('open', url))));
}

runProgram(import.meta.url, main);
