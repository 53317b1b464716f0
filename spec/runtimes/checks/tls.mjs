import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { connect as connectTls, createSecureContext, createServer } from 'node:tls';
import { BehaviorSubject, concat, defer, finalize, firstValueFrom, ignoreElements, lastValueFrom, switchMap } from 'rxjs';
import { connect, converse, openTls, startTls, tlsClient, tlsServer } from 'rxjs-io-stream';
import { checkPlugin } from 'rxjs-io-stream/testing';
import { ca, dial, failureOf, HOST, identity, serve, textOf, until } from '../support.mjs';

const trusting = { ca, servername: 'localhost' };

/** Serves TLS that echoes; resolves with where to dial and the `details` of accepted clients. */
async function serveTls(t, options = identity('server')) {
  const details = [];
  const plugin = { tls: tlsServer(options) };
  return { ...(await serve(t, (io) => (details.push(io.details.tls), io.send(io)), { plugin })), details };
}

/** Sends `hello`; resolves with the reply and the facts of TLS. */
async function echo(t, at, options = trusting) {
  const io = await dial(t, { ...at, plugin: { tls: tlsClient(options) } });
  io.end('hello');
  return { reply: await textOf(io), ...io.details.tls };
}

function* greet(link) {
  link.send('STARTTLS\r\n');
  yield* link.readUntil('\r\n', 512);
}

export const name = 'TLS: features';

export const checks = {
  'talks to a TLS server of the runtime': async (t) => {
    const client = tlsClient(trusting);
    const server = createServer(identity('server'), (socket) => socket.on('error', () => {}).pipe(socket)).listen(0, HOST);
    t.defer(() => server.close());
    await once(server, 'listening');
    const io = await dial(t, { host: HOST, port: server.address().port, plugin: { tls: client } });
    io.write('hello');
    assert.equal((await firstValueFrom(io.data$)).toString(), 'hello');
    assert.equal(io.details.tls.authorized, true);
  },

  'talks to a TLS client of the runtime': async (t) => {
    const { at } = await serveTls(t);
    const socket = connectTls({ ...at, ...trusting });
    t.defer(() => socket.destroy());
    await once(socket, 'secureConnect');
    assert.equal(socket.authorized, true);
    socket.write('hello');
    const [bytes] = await once(socket, 'data');
    assert.equal(bytes.toString(), 'hello');
  },

  'reads after it has ended its own direction': async (t) => {
    const plugin = { tls: tlsServer(identity('server')) };
    const late = async (io) => {
      const received = await textOf(io);
      await lastValueFrom(io.send([`after ${received}`]));
    };
    const { at } = await serve(t, late, { plugin, allowHalfOpen: true });
    const io = await dial(t, { ...at, allowHalfOpen: true, plugin: { tls: tlsClient(trusting) } });
    io.end('the end');
    assert.equal(await textOf(io), 'after the end');
  },

  'agrees on a protocol by ALPN': async (t) => {
    const { at, details } = await serveTls(t, { ...identity('server'), ALPNProtocols: ['b', 'a'] });
    const { alpnProtocol } = await echo(t, at, { ...trusting, ALPNProtocols: ['a', 'x'] });
    assert.deepEqual([alpnProtocol, details[0].alpnProtocol], ['a', 'a']);
  },

  'chooses a certificate by SNI': async (t) => {
    const contexts = { localhost: identity('server'), 'other.test': identity('other') };
    const SNICallback = (name, done) => done(null, createSecureContext(contexts[name]));
    const { at, details } = await serveTls(t, { SNICallback });
    for (const servername of ['other.test', 'localhost']) {
      const { reply, x509 } = await echo(t, at, { ca, servername });
      assert.equal(reply, 'hello');
      assert.match(x509.subjectAltName, new RegExp(servername));
    }
    assert.deepEqual(
      details.map(({ servername }) => servername),
      ['other.test', 'localhost'],
    );
  },

  ...Object.fromEntries(
    ['TLSv1.2', 'TLSv1.3'].map((maxVersion) => [
      `resumes a session, ${maxVersion}`,
      async (t) => {
        const { at } = await serveTls(t);
        const tls = tlsClient({ ...trusting, maxVersion });
        const reused = [];
        for (let round = 0; round < 2; round += 1) {
          const io = await dial(t, { ...at, plugin: { tls } });
          io.end('hello');
          assert.equal(await textOf(io), 'hello');
          assert.equal(io.details.tls.authorized, true);
          reused.push(io.details.tls.reused);
        }
        assert.equal(reused[0], false);
        assert.ok(reused[1], 'the second handshake was a full one');
      },
    ]),
  ),

  'does not resume a session of another name': async (t) => {
    const { at } = await serveTls(t);
    const sessionCache = new Map();
    assert.equal((await echo(t, at, { ...trusting, sessionCache, sessionKey: 'one' })).reused, false);
    const other = { ca, servername: 'other.test', sessionCache, sessionKey: 'one' };
    assert.equal((await failureOf(echo(t, at, other))).code, 'ETLSCERT');
  },

  'waits for an answer of `verify` that comes later': async (t) => {
    const { at } = await serveTls(t);
    assert.equal((await echo(t, at, { ...trusting, verify: async ({ authorized }) => authorized })).reply, 'hello');
    const refusing = { ...trusting, verify: async () => false };
    assert.equal((await failureOf(echo(t, at, refusing))).code, 'ETLSCERT');
  },

  'connects by a pre-shared key': async (t) => {
    const psk = globalThis.crypto.getRandomValues(new Uint8Array(16));
    const ciphers = 'PSK+CHACHA20:PSK+AES128';
    const { at, details } = await serveTls(t, { ciphers, maxVersion: 'TLSv1.2', pskCallback: (_socket, id) => (id === 'me' ? psk : null) });
    const client = { ciphers, maxVersion: 'TLSv1.2', pskCallback: () => ({ identity: 'me', psk }) };
    assert.equal((await echo(t, at, client)).reply, 'hello');
    assert.equal(details[0].pskIdentity, 'me');
  },

  'upgrades both sides by STARTTLS': async (t) => {
    const { at, errors } = await serve(t, (io) => {
      const clearText = converse(io, function* (link) {
        yield* link.readUntil('STARTTLS\r\n', 512);
        link.send('220 go ahead\r\n');
      });
      const secured = startTls(io, { isServer: true, ...identity('server') }).pipe(
        switchMap((secure) => secure.send(secure).pipe(finalize(() => secure.close()))),
      );
      return concat(clearText.pipe(ignoreElements()), secured);
    });
    const upgrade = async () => {
      const io = await dial(t, at);
      await lastValueFrom(converse(io, greet), { defaultValue: undefined });
      const secure = await openTls(io, { ca });
      t.defer(() => secure.reset());
      secure.end('hello in TLS');
      assert.equal(await textOf(secure), 'hello in TLS');
      assert.equal(secure.details.tls.authorized, true);
    };
    // A server that refuses resets the connection of the client.
    await upgrade().catch((error) => {
      throw errors[0] ?? error;
    });
  },

  'rejects a wrong certificate after STARTTLS': async (t) => {
    tlsServer(identity('other')); // refuses at once where it cannot run
    const { at } = await serve(t, (io) => {
      const clearText = converse(io, function* (link) {
        yield* link.readUntil('STARTTLS\r\n', 512);
        link.send('220 go ahead\r\n');
      });
      return concat(clearText.pipe(ignoreElements()), startTls(io, { isServer: true, ...identity('other') }).pipe(ignoreElements()));
    });
    const io = await dial(t, at);
    await lastValueFrom(converse(io, greet), { defaultValue: undefined });
    assert.equal((await failureOf(openTls(io, { ca, servername: 'localhost' }))).code, 'ETLSCERT');
  },

  'carries TLS in TLS': async (t) => {
    const server = { inner: tlsServer(identity('server')), outer: tlsServer(identity('other')) };
    const client = { inner: tlsClient(trusting), outer: tlsClient({ ca, servername: 'other.test' }) };
    const { at } = await serve(t, (io) => io.send(io), { plugin: server });
    const io = await dial(t, { ...at, plugin: client });
    io.end('hello');
    assert.equal(await textOf(io), 'hello');
  },

  'renews the certificate while it serves': async (t) => {
    const secureContext = new BehaviorSubject(identity('other'));
    const { at } = await serveTls(t, { secureContext });
    assert.equal((await failureOf(echo(t, at))).code, 'ETLSCERT');
    secureContext.next(identity('server'));
    assert.equal((await echo(t, at)).reply, 'hello');
  },

  'frees both ends when the client closes': async (t) => {
    const { server, at } = await serveTls(t);
    const io = await dial(t, { ...at, plugin: { tls: tlsClient(trusting) } });
    io.close();
    const { error } = await firstValueFrom(io.closed$);
    assert.equal(error, undefined);
    await until(() => server.size === 0, 'no connection', 2);
  },

  'frees a handshake that is left': async (t) => {
    const { server, at } = await serveTls(t);
    const subscription = defer(() => connect({ ...at, plugin: { tls: tlsClient(trusting) } })).subscribe();
    await until(() => server.size === 1, 'the connection');
    subscription.unsubscribe();
    await until(() => server.size === 0, 'no connection');
  },

  'keeps the rules of a plugin, by checkPlugin': async () => {
    const plugins = [tlsClient(trusting), tlsServer(identity('server'))];
    const report = await checkPlugin(...plugins, { rules: [2, 3, 4], time: 'real', timeout: 20_000, single: 8, pairs: 0, random: 2 });
    report.assert();
  },
};
