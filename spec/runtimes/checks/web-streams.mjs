import { strict as assert } from 'node:assert';
import { connect as connectSocket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { TextEncoder } from 'node:util';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import * as library from 'rxjs-io-stream';
import { memoryPair } from 'rxjs-io-stream/testing';
import * as web from 'rxjs-io-stream/web';
import { dial, HOST, NotApplicable, peer, serve, Skipped, textOf, until } from '../support.mjs';

/** An export of the package that may not be there yet. */
function needs(name) {
  if (library[name] === undefined) throw new Skipped(`the package has no \`${name}\``);
  return library[name];
}

function needsDeno() {
  if (globalThis.Deno === undefined) throw new NotApplicable('only Deno has it');
  return globalThis.Deno;
}

/** A client of the package, and its connection as `Deno.listen` has accepted it. */
async function acceptedByDeno(t, options = {}) {
  const [Deno, webStreams] = [needsDeno(), needs('webStreams')];
  const listener = Deno.listen({ hostname: HOST, port: 0 });
  t.defer(() => listener.close());
  const accepting = listener.accept();
  const client = await dial(t, { host: HOST, port: listener.addr.port });
  const accepted = await accepting;
  return { client, served: await dial(t, { wire: webStreams(() => accepted), ...options }) };
}

export const name = 'Web';

export const checks = {
  '`rxjs-io-stream/web`: carries messages over a wire': async () => {
    const [near, far] = memoryPair().map((wire) => web.framed(new web.IOStream({ wire }), web.lines({ maxLength: 100 })));
    near.write('zwölf');
    assert.equal(await firstValueFrom(far.messages$), 'zwölf');
    near.io.close();
    assert.equal((await firstValueFrom(near.io.closed$)).bytesOut, 7);
  },

  'sends a ReadableStream': async (t) => {
    let received = '';
    const at = await peer(t, (socket) => socket.on('data', (bytes) => (received += bytes)));
    const io = await dial(t, at);
    const body = new globalThis.Response('from the Web').body;
    assert.equal(await lastValueFrom(io.send(body)), 12);
    await until(() => received === 'from the Web', 'the bytes');
  },

  "webStreams: dials with the runtime's `node:net`, made a pair of Web streams": async (t) => {
    const webStreams = needs('webStreams');
    const { at } = await serve(t, (io) => io.send(io));
    const wire = webStreams(() => {
      const socket = connectSocket({ ...at, allowHalfOpen: true });
      t.defer(() => socket.destroy());
      return { readable: Readable.toWeb(socket), writable: Writable.toWeb(socket) };
    });
    const io = await dial(t, { wire });
    io.end('hello');
    assert.equal(await textOf(io), 'hello');
  },

  'webStreams: dials with `Deno.connect`': async (t) => {
    const [Deno, webStreams] = [needsDeno(), needs('webStreams')];
    const { at } = await serve(t, (io) => io.send(io));
    const io = await dial(t, { wire: webStreams(() => Deno.connect({ hostname: at.host, port: at.port })) });
    io.end('hello');
    assert.equal(await textOf(io), 'hello');
  },

  'webStreams: serves a connection of `Deno.listen`': async (t) => {
    const { client, served } = await acceptedByDeno(t);
    client.write('hello');
    served.write(await firstValueFrom(served.data$));
    assert.equal((await firstValueFrom(client.data$)).toString(), 'hello');
    client.end();
    assert.equal(await textOf(served), '');
  },

  'webStreams: answers on a connection of `Deno.listen` after EOF': async (t) => {
    const { client, served } = await acceptedByDeno(t, { allowHalfOpen: true });
    const reply = textOf(client);
    client.end();
    assert.equal(await textOf(served), '');
    served.end('after EOF');
    assert.equal(await reply, 'after EOF');
  },

  'toWebStreams: reads and writes a connection': async (t) => {
    const toWebStreams = needs('toWebStreams');
    const { at } = await serve(t, (io) => io.send(io));
    const { readable, writable } = toWebStreams(await dial(t, at));
    const writer = writable.getWriter();
    await writer.write(new TextEncoder().encode('hello'));
    await writer.close();
    assert.equal(await new globalThis.Response(readable).text(), 'hello');
  },
};
