import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect } from 'vitest';
import { startSocksServer } from '../interop/clients/socks-server.ts';
import { deadPort } from '../support/loopback.ts';
import { runProgram } from '../support/run-program.ts';
import { spec } from '../support/spec.ts';

const EXAMPLE = 'examples/fetch-through-socks.ts';

describe('fetch-through-socks', () => {
  spec('fetches from the embedded server through both proxies, in order', async () => {
    expect(await runProgram(EXAMPLE).ended).toEqual({
      code: 0,
      stdout: 'one: 127.0.0.1: to 127.0.0.1 port …\ntwo: 127.0.0.1: to localhost port …\n200 OK\nhello through two proxies\n',
      stderr: '',
    });
  });

  spec('fetches a page through the proxies of the command line', async (h) => {
    const server = createServer((_request, response) => response.end('hello\n')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    h.defer(() => server.close());
    const proxies = [await startSocksServer(), await startSocksServer()];
    h.defer(() => Promise.all(proxies.map((proxy) => proxy.stop())));
    const { port } = server.address() as AddressInfo;
    const run = runProgram(EXAMPLE, `http://localhost:${port}/`, ...proxies.map((proxy) => `socks5://127.0.0.1:${proxy.port}`));
    expect(await run.ended).toEqual({ code: 0, stdout: '200 OK\nhello\n', stderr: '' });
    expect(proxies.map(({ passed }) => passed)).toEqual([1, 1]);
  });

  spec('fails if a proxy cannot be reached', async () => {
    const { code, stdout } = await runProgram(EXAMPLE, 'http://localhost/', `socks5://127.0.0.1:${await deadPort()}`).ended;
    expect([code, stdout]).toEqual([1, '']);
  });
});
