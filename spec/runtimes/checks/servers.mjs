import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { text } from 'node:stream/consumers';
import { firstValueFrom, ignoreElements, NEVER, take, tap } from 'rxjs';
import { acceptProxyProtocol, framed, lines, sendProxyProtocol } from 'rxjs-io-stream';
import { dial, failureOf, HOST, serve, textOf, until } from '../support.mjs';

/** A server with the most connections that it allows, after it has dropped another one. */
async function overMaxConnections(t) {
  const { server, at } = await serve(t, () => NEVER, { maxConnections: 1 });
  await dial(t, at);
  await until(() => server.size === 1, 'the first connection');
  const second = connectSocket(at.port, at.host)
    .on('error', () => {})
    .resume();
  t.defer(() => second.destroy());
  await once(second, 'close');
  return { server };
}

export const name = 'Servers';

export const checks = {
  'accepts 100 connections at once': async (t) => {
    const { at } = await serve(t, (io) => io.send(io));
    const replies = await Promise.all(
      Array.from({ length: 100 }, async (_, id) => {
        const io = await dial(t, at);
        io.end(`number ${id}`);
        return textOf(io);
      }),
    );
    assert.deepEqual(
      replies,
      Array.from({ length: 100 }, (_, id) => `number ${id}`),
    );
  },

  'reports EADDRINUSE': async (t) => {
    const { at } = await serve(t, () => NEVER);
    assert.equal((await failureOf(serve(t, () => NEVER, at))).code, 'EADDRINUSE');
  },

  'knows the addresses of both ends': async (t) => {
    const ends = [];
    const { at } = await serve(t, (io) => {
      ends.push([io.remoteAddress, io.remotePort, io.localPort]);
      return io.send(io);
    });
    const io = await dial(t, at);
    await until(() => ends.length === 1, 'the connection');
    assert.deepEqual(ends, [[HOST, io.localPort, at.port]]);
    assert.equal(io.remotePort, at.port);
  },

  'drops connections over maxConnections': async (t) => {
    const { server } = await overMaxConnections(t);
    assert.equal(server.size, 1);
  },

  'counts the connections that it drops': async (t) => {
    const { server } = await overMaxConnections(t);
    await until(async () => (await firstValueFrom(server.dropped$)) === 1, '`dropped$` to emit 1', 2);
  },

  'resets the connection of a handler that fails, and serves on': async (t) => {
    const { at, errors } = await serve(t, async (io) => {
      const bytes = await firstValueFrom(io.data$);
      if (bytes.toString() === 'bad') throw new RangeError('a bug');
      io.write('fine');
    });
    const bad = await dial(t, at);
    bad.write('bad');
    assert.equal((await failureOf(textOf(bad))).code, 'ECONNRESET');
    const good = await dial(t, at);
    good.write('good');
    assert.equal(await textOf(good), 'fine');
    assert.deepEqual(errors.map(String), ['RangeError: a bug']);
  },

  'waits for its connections in drain(), and resets the rest': async (t) => {
    const { server, at } = await serve(t, (io) => io.send(io));
    const [ending, staying] = [await dial(t, at), await dial(t, at)];
    await until(() => server.size === 2, 'both connections');
    const draining = firstValueFrom(server.drain({ deadline: 1000 }));
    ending.end();
    assert.deepEqual(await draining, { finished: 1, cut: 1 });
    assert.equal((await failureOf(textOf(staying))).code, 'ECONNRESET');
  },

  'ends a connection after the FIN of the client': async (t) => {
    const { server, at } = await serve(t, () => NEVER);
    const io = await dial(t, at);
    await until(() => server.size === 1, 'the connection');
    io.end();
    assert.equal(await textOf(io), '');
    await until(() => server.size === 0, 'no connection');
  },

  'closes all connections when it is unsubscribed': async (t) => {
    const { at, stop } = await serve(t, (io) => io.send(io));
    const clients = await Promise.all([dial(t, at), dial(t, at)]);
    clients[0].write('x');
    await firstValueFrom(clients[0].data$);
    stop();
    await Promise.all(clients.map((io) => textOf(io).catch(() => {})));
    assert.equal((await failureOf(dial(t, at))).code, 'ECONNREFUSED');
  },

  'answers messages of lines': async (t) => {
    const { at } = await serve(t, (io) => {
      const { messages$, write } = framed(io, lines({ maxLength: 100 }));
      return messages$.pipe(
        tap((line) => write(line.toUpperCase())),
        ignoreElements(),
      );
    });
    const { messages$, write } = framed(await dial(t, at), lines({ maxLength: 100 }));
    write('zwölf');
    assert.equal(await firstValueFrom(messages$.pipe(take(1))), 'ZWÖLF');
  },

  'keeps the bytes that arrive with a header of the PROXY protocol': async (t) => {
    const plugin = { proxied: acceptProxyProtocol({ trusted: [HOST] }) };
    const { at } = await serve(t, (io) => io.send(io), { plugin });
    const socket = connectSocket({ ...at, allowHalfOpen: true });
    t.defer(() => socket.destroy());
    socket.end('PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\nhello');
    assert.equal(await text(socket), 'hello');
  },

  'learns the address of the client by the PROXY protocol': async (t) => {
    for (const version of [1, 2]) {
      const seen = [];
      const plugin = { proxied: acceptProxyProtocol({ trusted: [HOST] }) };
      const { at } = await serve(t, (io) => (seen.push(io.remoteAddress), io.send(io)), { plugin });
      const onBehalfOf = { remoteAddress: '192.0.2.1', remotePort: 4711, localAddress: '192.0.2.2', localPort: 80 };
      const header = sendProxyProtocol({ version, onBehalfOf });
      const io = await dial(t, { ...at, plugin: { header } });
      io.end('hello');
      assert.equal(await textOf(io), 'hello');
      assert.deepEqual(seen, ['192.0.2.1']);
    }
  },
};
