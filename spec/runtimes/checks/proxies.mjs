import { strict as assert } from 'node:assert';
import { httpProxy, open, proxyFromEnv, proxyFromUrl, socks4, socks5, tlsClient, tlsServer } from 'rxjs-io-stream';
import { proxy } from '../proxies.mjs';
import { ca, dial, failureOf, identity, peer, serve, textOf } from '../support.mjs';

const login = { user: 'me', pass: 'secret' };

/** Greets and echoes. The host of the target is a name that only the proxy resolves. */
async function target(t, options) {
  const { at } = await serve(t, (io) => io.send(io), options);
  return { host: 'target.test', port: at.port };
}

/** Sends `hello` through plugins; resolves with the reply. */
async function echo(t, to, plugin) {
  const io = await dial(t, { ...to, plugin });
  io.end('hello');
  return textOf(io);
}

const PLUGINS = { socks5: (at) => socks5({ ...at, ...login }), socks4, http: (at) => httpProxy({ ...at, ...login }) };

const perKind = Object.entries(PLUGINS).flatMap(([kind, plugin]) => [
  [
    `connects through ${kind}`,
    async (t) => {
      const [to, { at, seen }] = [await target(t), await proxy(t, kind)];
      assert.equal(await echo(t, to, { proxy: plugin(at) }), 'hello');
      assert.deepEqual(seen, [`target.test:${to.port}`]);
    },
  ],
  [
    `keeps the bytes that arrive with the reply of ${kind}`,
    async (t) => {
      const { port } = await peer(t, (socket) => socket.end('welcome'));
      const { at } = await proxy(t, kind, { surplus: true });
      assert.equal(await textOf(await dial(t, { host: 'target.test', port, plugin: { proxy: plugin(at) } })), 'welcome');
    },
  ],
]);

export const name = 'Proxies';

export const checks = {
  ...Object.fromEntries(perKind),

  'reports a wrong password': async (t) => {
    for (const [kind, plugin] of [
      ['socks5', socks5],
      ['http', httpProxy],
    ]) {
      const { at } = await proxy(t, kind);
      const wrong = plugin({ ...at, user: 'me', pass: 'wrong' });
      const error = await failureOf(open({ host: 'target.test', port: 1, plugin: { proxy: wrong } }));
      assert.equal(error.code, 'EPROXYAUTH', kind);
      assert.doesNotMatch(error.message, /wrong/);
    }
  },

  'chains SOCKS over HTTP': async (t) => {
    const to = await target(t);
    const [socks, http] = [await proxy(t, 'socks5'), await proxy(t, 'http')];
    const plugin = { second: PLUGINS.socks5(socks.at), first: PLUGINS.http(http.at) };
    assert.equal(await echo(t, to, plugin), 'hello');
    assert.deepEqual([http.seen, socks.seen], [[`127.0.0.1:${socks.at.port}`], [`target.test:${to.port}`]]);
  },

  'carries TLS through a proxy': async (t) => {
    const to = await target(t, { plugin: { tls: tlsServer(identity('server')) } });
    const { at } = await proxy(t, 'socks5');
    assert.equal(await echo(t, to, { tls: tlsClient({ ca, servername: 'localhost' }), proxy: PLUGINS.socks5(at) }), 'hello');
  },

  'takes a proxy from a URL and from the environment': async (t) => {
    const [to, { at, seen }] = [await target(t), await proxy(t, 'socks5')];
    const url = `socks5h://me:secret@${at.host}:${at.port}`;
    assert.equal(await echo(t, to, proxyFromUrl(url)), 'hello');
    assert.equal(await echo(t, to, proxyFromEnv(`http://target.test:${to.port}`, { http_proxy: url })), 'hello');
    assert.equal(seen.length, 2);
  },
};
