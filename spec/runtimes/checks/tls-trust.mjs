import { strict as assert } from 'node:assert';
import { connect as connectSocket, createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { connect, tlsClient, tlsServer } from 'rxjs-io-stream';
import { ca, dial, failureOf, HOST, identity, lookup, peer, serve, textOf, until } from '../support.mjs';

/** An echo over TLS. Resolves with where to dial, and the `details` of accepted clients. */
async function serveTls(t, options) {
  const details = [];
  const plugin = { tls: tlsServer(options) };
  const timeouts = { handshake: 3000, close: 500 };
  const served = await serve(t, (io) => (details.push(io.details.tls), io.send(io)), { plugin, timeouts });
  return { ...served, details };
}

/** Sends a text over TLS, ends, and resolves with the reply and whether the server was verified. */
async function echo(t, { port }, options, { host = 'localhost', text = 'hello' } = {}) {
  const io = await dial(t, { host, port, lookup, plugin: { tls: tlsClient(options) } });
  io.end(text);
  const reply = await textOf(io);
  return { reply, authorized: io.details.tls.authorized };
}

/** Forwards to a port, and ends the client's side without close_notify at the first bytes of the server after `cut()`. */
async function cutter(t, port) {
  let isCutting = false;
  const server = createServer((near) => {
    const far = connectSocket(port, HOST);
    const stop = () => (near.destroy(), far.destroy());
    near.on('error', stop).on('data', (bytes) => far.write(bytes));
    far.on('error', stop).on('data', (bytes) => (isCutting ? void near.end(() => wait(50).then(stop)) : near.write(bytes)));
  });
  await new Promise((resolve) => server.listen(0, HOST, resolve));
  t.defer(() => server.close());
  return { port: server.address().port, cut: () => (isCutting = true) };
}

export const name = 'TLS: trust';

const accepts = (server, client, host) => async (t) => {
  const { at } = await serveTls(t, server);
  const authorized = client.rejectUnauthorized !== false;
  assert.deepEqual(await echo(t, at, client, { host }), { reply: 'hello', authorized });
};
const rejects = (server, client, host) => async (t) => {
  const { at } = await serveTls(t, server);
  assert.equal((await failureOf(echo(t, at, client, { host }))).code, 'ETLSCERT');
};

/** The checks of one version of TLS. */
function checksOf(maxVersion) {
  const trusting = { ca, maxVersion };
  const asking = { ...identity('server'), ca, requestCert: true };
  const rejectsClient = (client) => async (t) => {
    const { at, errors, details } = await serveTls(t, asking);
    const reply = await echo(t, at, { ...trusting, ...client }).then(
      (echoed) => echoed.reply,
      () => '',
    );
    await until(() => errors.length > 0, 'an error of the server');
    assert.deepEqual([reply, details, errors.map(({ code }) => code)], ['', [], ['ETLSCERT']]);
  };
  return {
    'accepts an authority of your own, by name': accepts(identity('server'), trusting),
    'accepts an authority of your own, by address': accepts(identity('server'), trusting, HOST),
    'accepts another servername': accepts(identity('other'), { ...trusting, servername: 'other.test' }),
    'accepts any certificate on demand': accepts(identity('expired'), { rejectUnauthorized: false, maxVersion }),
    'rejects an unknown authority': rejects(identity('server'), { maxVersion }),
    'rejects an expired certificate': rejects(identity('expired'), trusting),
    'rejects a certificate that is not yet valid': rejects(identity('future'), trusting),
    'rejects a self-signed certificate': rejects(identity('selfsigned'), trusting),
    'rejects another name': rejects(identity('other'), trusting),
    'rejects another address': rejects(identity('names'), trusting, HOST),
    'rejects what `verify` refuses': rejects(identity('server'), { ...trusting, verify: () => false }),

    'transfers 1 MB unchanged': async (t) => {
      const { at } = await serveTls(t, identity('server'));
      const text = 'long '.repeat(200_000);
      assert.ok((await echo(t, at, trusting, { text })).reply === text);
    },

    'reports an end without close_notify': async (t) => {
      const { at } = await serveTls(t, identity('server'));
      const between = await cutter(t, at.port);
      const plugin = { tls: tlsClient({ ...trusting, truncation: 'error' }) };
      const io = await dial(t, { host: HOST, port: between.port, plugin });
      await wait(50); // until the session tickets of the server have arrived
      between.cut();
      io.write('hello');
      assert.equal((await failureOf(textOf(io))).code, 'ETLSTRUNCATED');
    },

    'mutual: accepts a certificate of the client': async (t) => {
      const { at, details } = await serveTls(t, asking);
      assert.equal((await echo(t, at, { ...trusting, ...identity('client') })).reply, 'hello');
      assert.equal(details[0]?.authorized, true);
    },
    'mutual: rejects a client without a certificate': rejectsClient({}),
    'mutual: rejects an expired certificate of the client': rejectsClient(identity('expired')),
    'mutual: rejects a self-signed certificate of the client': rejectsClient(identity('selfsigned')),
  };
}

const versions = ['TLSv1.2', 'TLSv1.3'].map((version) =>
  Object.entries(checksOf(version)).map(([check, work]) => [`${check}, ${version}`, work]),
);

export const checks = {
  ...Object.fromEntries(versions.flat()),

  'reports a server that does not speak TLS': async (t) => {
    const at = await peer(t, (socket) => socket.end('220 mail.example ESMTP\r\n'));
    const error = await new Promise((resolve) => {
      connect({ ...at, plugin: { tls: tlsClient({ ca }) } }).subscribe({ next: resolve, error: resolve });
    });
    assert.match(error.message, /does not speak TLS/);
  },
};
