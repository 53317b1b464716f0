// An https request through an HTTP proxy, with Node's own `https` and an agent of this package. Works with any stack of plugins.
//   npx tsx examples/https-through-proxy.ts                                                  with an embedded server and proxy
//   npx tsx examples/https-through-proxy.ts https://example.com/ http://me:secret@proxy.test:3128
import { createServer, get, type RequestOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { agent, httpProxy, tlsClient, type Plugin } from 'rxjs-io-stream';
import { connectProxy } from './connect-proxy.ts';
import { parseCommandLine, runProgram } from './support/command-line.ts';
import { cert, key } from './support/identity.ts';
import { started } from './support/started.ts';

/** The layers that a proxy's URL stands for; the first is next to the application. With `https:` the way to the proxy is TLS, too. */
function layersOf(proxy: URL): Record<string, Plugin> {
  const { protocol, hostname, port, username, password } = proxy;
  const secure = protocol === 'https:';
  const credentials = username === '' ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
  return {
    proxy: httpProxy({ host: hostname, port: Number(port) || (secure ? 443 : 80), ...credentials }),
    ...(secure ? { proxyTls: tlsClient() } : {}),
  };
}

/** Writes the page to stdout. */
async function show(url: URL, proxy: URL, options: RequestOptions = {}): Promise<void> {
  const through = agent({ plugin: layersOf(proxy), keepAlive: true, timeouts: { establish: 10_000 } });
  try {
    await new Promise<void>((resolve, reject) => {
      get(url, { ...options, agent: through }, (response) => {
        console.log(`${response.statusCode ?? 0} ${response.statusMessage ?? ''}`);
        pipeline(response, process.stdout, { end: false }).then(resolve, reject);
      }).on('error', reject);
    });
  } finally {
    through.destroy();
  }
}

/** Starts a server with a self-signed certificate, and a proxy with a password. */
async function embedded(): Promise<void> {
  const server = createServer({ key, cert }, (_request, response) => response.end('hello through the proxy\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const proxy = await started(connectProxy({ user: 'me', pass: 'secret', local: true }));
  try {
    await show(new URL(`https://localhost:${port}/`), new URL(`http://me:secret@127.0.0.1:${proxy.port}`), { ca: cert });
  } finally {
    proxy.stop();
    server.close();
  }
}

async function main(): Promise<void> {
  const [url, proxy] = parseCommandLine().positionals;
  if (url !== undefined && proxy !== undefined) await show(new URL(url), new URL(proxy));
  else await embedded();
}

runProgram(import.meta.url, main);
