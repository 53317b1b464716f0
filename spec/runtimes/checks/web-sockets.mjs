import { strict as assert } from 'node:assert';
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { firstValueFrom } from 'rxjs';
import { webSocket } from 'rxjs-io-stream';
import { deadPort, dial, failureOf, HOST, NotApplicable, peer, reader, textOf } from '../support.mjs';
import { BINARY, CLOSE, closing, frame, TEXT, webSocketPeer } from '../web-socket-peer.mjs';

/** Longer than a check may take: a failed dial must not wait for it. */
const timeouts = { connect: 60_000, close: 500 };

/** Connects with the runtime's own WebSocket. */
async function dialWebSocket(t, url, options = {}) {
  if (globalThis.WebSocket === undefined) throw new NotApplicable('has no WebSocket of its own');
  return dial(t, { wire: webSocket(url, options), timeouts });
}

/** A server that answers with the same frames, up to the close frame. Resolves with its URL, and the frames it receives. */
async function echoing(t) {
  const received = [];
  const url = await webSocketPeer(t, async (socket, readFrame) => {
    for (let opcode; opcode !== CLOSE;) {
      const next = await readFrame();
      received.push([next.opcode, next.payload.toString('latin1')]);
      socket.write(frame(next.opcode, next.payload));
      opcode = next.opcode;
    }
    socket.end();
  });
  return { url, received };
}

/** A server that reads the request, and then does not open a WebSocket. */
async function refusing(t, refuse) {
  const { port } = await peer(t, async (socket) => {
    await reader(socket).readUntil('\r\n\r\n');
    refuse(socket);
  });
  return `ws://${HOST}:${port}/`;
}

/** Checks the error of a socket that cannot be opened. Bun has codes of its own. */
async function failsToOpen(t, url, ofBun = 'ECONNABORTED') {
  const error = await failureOf(() => dialWebSocket(t, url));
  if (error instanceof NotApplicable) throw error;
  const code = process.versions.bun === undefined ? 'ECONNABORTED' : ofBun;
  assert.deepEqual([error.code, error.phase, error.closeCode], [code, 'connect', 1006], error);
}

export const name = 'WebSockets';

export const checks = {
  'carries bytes both ways in binary frames': async (t) => {
    const { url, received } = await echoing(t);
    const io = await dialWebSocket(t, url);
    io.write('hello');
    assert.equal((await firstValueFrom(io.data$)).toString(), 'hello');
    assert.deepEqual(received, [[BINARY, 'hello']]);
  },

  'carries text both ways in text frames': async (t) => {
    const { url, received } = await echoing(t);
    const io = await dialWebSocket(t, url, { sendAs: 'text' });
    io.write('\u00e9');
    assert.equal((await firstValueFrom(io.data$)).toString(), '\u00e9');
    assert.deepEqual(received, [[TEXT, '\xc3\xa9']]);
  },

  'closes with 1000 behind all bytes, then completes': async (t) => {
    const { url, received } = await echoing(t);
    const io = await dialWebSocket(t, url);
    const closed = firstValueFrom(io.closed$);
    io.end('last');
    await textOf(io);
    assert.deepEqual((await closed).facts, { closeCode: 1000, closeReason: '' });
    assert.deepEqual(received, [
      [BINARY, 'last'],
      [CLOSE, '\x03\xe8'],
    ]);
  },

  'ends when the peer closes in order, with its code in the report': async (t) => {
    const url = await webSocketPeer(t, async (socket, readFrame) => {
      socket.write(Buffer.concat([frame(TEXT, Buffer.from('bye')), frame(CLOSE, closing(1001, 'going'))]));
      await readFrame();
      socket.end();
    });
    const io = await dialWebSocket(t, url);
    const closed = firstValueFrom(io.closed$);
    assert.equal(await textOf(io), 'bye');
    assert.deepEqual((await closed).facts, { closeCode: 1001, closeReason: 'going' });
  },

  'reports another close code as ECONNRESET': async (t) => {
    const url = await webSocketPeer(t, async (socket, readFrame) => {
      socket.write(frame(CLOSE, closing(4001, 'no')));
      await readFrame();
      socket.end();
    });
    const error = await failureOf(textOf(await dialWebSocket(t, url)));
    assert.deepEqual([error.code, error.closeCode, error.closeReason], ['ECONNRESET', 4001, 'no'], error);
  },

  'reports a connection that is lost as ECONNRESET with 1006': async (t) => {
    const url = await webSocketPeer(t, async (socket, readFrame) => {
      await readFrame();
      socket.destroy();
    });
    const io = await dialWebSocket(t, url);
    io.write('x');
    const error = await failureOf(textOf(io));
    assert.deepEqual([error.code, error.closeCode], ['ECONNRESET', 1006], error);
  },

  'reports a refused connection at once': async (t) => failsToOpen(t, `ws://${HOST}:${await deadPort()}/`, 'ECONNREFUSED'),

  'reports a refused upgrade at once': async (t) => {
    const answer = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
    await failsToOpen(t, await refusing(t, (socket) => socket.end(answer)));
  },

  'reports a connection that is lost before the upgrade at once': async (t) => {
    await failsToOpen(t, await refusing(t, (socket) => socket.destroy()), 'ECONNRESET');
  },
};
