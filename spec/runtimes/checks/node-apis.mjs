import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { createServer, get, request } from 'node:http';
import { createServer as createSecureServer, get as getSecure } from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { agent, httpProxy, IOStream, socks5, tlsClient, tlsServer, toDuplex } from 'rxjs-io-stream';
import { proxy } from '../proxies.mjs';
import { ca, deadPort, dial, HOST, identity, lookup, serve, until } from '../support.mjs';

const login = { user: 'me', pass: 'secret' };

/** An HTTP server of the runtime that counts its connections. Resolves with its port. */
async function web(t, create = createServer, ...options) {
  const state = { connections: 0 };
  const server = create(...options, (incoming, response) => {
    state.host = incoming.headers.host;
    response.end(`you asked for ${incoming.url}`);
  });
  server.on('connection', () => (state.connections += 1)).listen(0, HOST);
  await once(server, 'listening');
  t.defer(() => {
    server.closeAllConnections?.();
    server.close();
  });
  state.port = server.address().port;
  return state;
}

/** The body of the reply to a request. */
async function body(started) {
  const [response] = await once(started, 'response');
  return text(response);
}

/** An agent that is destroyed when the check is over. */
function useAgent(t, options) {
  const created = agent(options);
  t.defer(() => created.destroy());
  return created;
}

export const name = 'agent and toDuplex';

export const checks = {
  'agent: gets a page through a proxy': async (t) => {
    const { port } = await web(t);
    const { at, seen } = await proxy(t, 'socks5');
    const through = useAgent(t, { plugin: { proxy: socks5({ ...at, ...login }) } });
    assert.equal(await body(get({ host: 'target.test', port, path: '/page', agent: through })), 'you asked for /page');
    assert.deepEqual(seen, [`target.test:${port}`]);
  },

  'agent: gets a page over TLS through a proxy': async (t) => {
    tlsClient({ ca }); // refuses where its TLS cannot be trusted
    const { port } = await web(t, createSecureServer, identity('server'));
    const { at, seen } = await proxy(t, 'http');
    const through = useAgent(t, { plugin: { proxy: httpProxy({ ...at, ...login }) } });
    const options = { host: 'target.test', port, path: '/page', agent: through, ca, servername: 'localhost' };
    assert.equal(await body(getSecure(options)), 'you asked for /page');
    assert.deepEqual(seen, [`target.test:${port}`]);
  },

  'agent: keeps a connection for the next request': async (t) => {
    const state = await web(t);
    const keeping = useAgent(t, { keepAlive: true, maxSockets: 1, lookup });
    for (let round = 0; round < 3; round += 1) {
      const reply = await body(get({ host: 'target.test', port: state.port, path: `/${round}`, agent: keeping }));
      assert.equal(reply, `you asked for /${round}`);
    }
    assert.equal(state.connections, 1);
  },

  'agent: reports a failed connection with the code of Node': async (t) => {
    const failing = get({ host: HOST, port: await deadPort(), agent: useAgent(t) });
    const [error] = await once(failing, 'error');
    assert.deepEqual([error.code, error.cause?.code], ['ECONNREFUSED', 'ECONNREFUSED']);
  },

  'toDuplex: carries a request by `createConnection`': async (t) => {
    const { port } = await web(t);
    let created = 0;
    const createConnection = () => {
      created += 1;
      return toDuplex(new IOStream({ host: HOST, port }));
    };
    const started = request({ host: 'target.test', port, path: '/page', createConnection }).end();
    assert.equal(await body(started), 'you asked for /page');
    assert.equal(created, 1);
  },

  'toDuplex: reads, writes and ends as a socket': async (t) => {
    const { at } = await serve(t, (io) => io.send(io));
    const duplex = toDuplex(new IOStream(at));
    t.defer(() => duplex.destroy());
    await once(duplex, 'connect');
    assert.deepEqual([duplex.remotePort, duplex.readyState], [at.port, 'open']);
    duplex.end('hello');
    assert.equal(await text(duplex), 'hello');
  },

  'toDuplex: pauses the peer of a reader that is slow': async (t) => {
    let sent = 0;
    const { at } = await serve(t, (io) => {
      const source = (function* () {
        for (const chunk = new Uint8Array(65_536); sent < 2 ** 25; sent += chunk.length) yield chunk;
      })();
      return io.send(source);
    });
    const duplex = toDuplex(await dial(t, at));
    let received = 0;
    for await (const bytes of duplex) {
      if (received === 0) {
        await wait(100);
        assert.ok(sent < 2 ** 24, `the peer has sent ${sent} bytes to a reader that has read none`);
      }
      received += bytes.length;
    }
    assert.equal(received, 2 ** 25);
  },

  'toDuplex: reports an error once, with the code of Node': async () => {
    const duplex = toDuplex(new IOStream({ host: HOST, port: await deadPort() }));
    const errors = [];
    duplex.on('error', (error) => errors.push(error.code));
    await new Promise((resolve) => duplex.once('close', resolve));
    assert.deepEqual(errors, ['ECONNREFUSED']);
  },

  'toDuplex: has the members of a TLS socket': async (t) => {
    const { at } = await serve(t, (io) => io.send(io), { plugin: { tls: tlsServer(identity('server')) } });
    const duplex = toDuplex(new IOStream({ ...at, plugin: { tls: tlsClient({ ca }) } }));
    t.defer(() => duplex.destroy());
    await once(duplex, 'secureConnect');
    assert.deepEqual([duplex.encrypted, duplex.authorized], [true, true]);
    assert.match(duplex.getProtocol(), /^TLSv1\.[23]$/);
    duplex.end('hello');
    assert.equal(await text(duplex), 'hello');
  },

  'toDuplex: frees the connection on destroy()': async (t) => {
    const { server, at } = await serve(t, (io) => io.send(io));
    const duplex = toDuplex(new IOStream(at));
    await once(duplex, 'connect');
    await until(() => server.size === 1, 'the connection');
    duplex.destroy();
    await until(() => server.size === 0, 'no connection');
  },
};
