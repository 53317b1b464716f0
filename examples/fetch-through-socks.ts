// `fetch` through a chain of SOCKS5 proxies, with undici and a dialer of this package. Works with any stack of plugins.
//   npx tsx examples/fetch-through-socks.ts                                           with an embedded server and two proxies
//   npx tsx examples/fetch-through-socks.ts https://example.com/ socks5://one.test:1080 socks5://me:secret@two.test:1080
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dialer, socks5, type DialerOptions, type Plugin } from 'rxjs-io-stream';
import { Agent, fetch } from 'undici';
import { socks5Server } from './socks5-server.ts';
import { parseCommandLine, runProgram } from './support/command-line.ts';
import { cert, key } from './support/identity.ts';
import { started, type Started } from './support/started.ts';

/** The plugins of a chain of proxies. The first proxy is dialled: it is the last plugin, nearest to the network. */
export function chain(proxies: readonly (string | URL)[]): [name: string, plugin: Plugin][] {
  return proxies.map((url, at): [string, Plugin] => [`proxy ${at + 1}`, socks5(url)]).reverse();
}

/** Fetches a page through the proxies, and writes it to stdout. */
async function show(url: string, proxies: readonly string[], tls: DialerOptions['tls'] = {}): Promise<void> {
  const through = dialer({ plugin: chain(proxies), tls, timeouts: { establish: 10_000 } });
  const dispatcher = new Agent({ connect: through.undici, allowH2: false });
  try {
    const response = await fetch(url, { dispatcher });
    console.log(`${response.status} ${response.statusText}`);
    for await (const bytes of response.body ?? []) process.stdout.write(bytes as Uint8Array);
  } finally {
    await dispatcher.close();
  }
}

/** Starts a proxy that prints what it connects to. */
function proxy(name: string): Promise<Started> {
  return started(socks5Server({ local: true, log: (line) => console.log(`${name}: ${line.replace(/\d+$/, '…')}`) }));
}

/** Starts a server with a self-signed certificate, and two proxies. */
async function embedded(): Promise<void> {
  const server = createServer({ key, cert }, (_request, response) => response.end('hello through two proxies\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const [one, two] = [await proxy('one'), await proxy('two')];
  try {
    await show(`https://localhost:${port}/`, [`socks5://127.0.0.1:${one.port}`, `socks5://127.0.0.1:${two.port}`], { ca: cert });
  } finally {
    for (const each of [one, two]) each.stop();
    server.close();
  }
}

async function main(): Promise<void> {
  const [url, ...proxies] = parseCommandLine().positionals;
  if (url === undefined) await embedded();
  else await show(url, proxies);
}

runProgram(import.meta.url, main);
