// A server of WebSockets on the runtime's own sockets (RFC 6455), with frames of up to 125 bytes.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { HOST, peer, reader } from './support.mjs';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
export const [TEXT, BINARY, CLOSE] = [1, 2, 8];

/** A frame that is whole, and not masked. */
export const frame = (opcode, payload) => Buffer.concat([Buffer.of(0x80 | opcode, payload.length), payload]);

/** The payload of a close frame. */
export function closing(code, reason = '') {
  const payload = Buffer.from(`xx${reason}`);
  payload.writeUInt16BE(code);
  return payload;
}

/** Reads a frame of a client, which is masked. */
async function readFrame(input) {
  const [first, second] = await input.read(2);
  const mask = await input.read(4);
  const payload = Buffer.from(await input.read(second & 0x7f));
  for (let at = 0; at < payload.length; at += 1) payload[at] ^= mask[at % 4];
  return { opcode: first & 0x0f, payload };
}

/**
 * Listens until the check is over. Resolves with the URL. `talk` gets the socket of each connection after the handshake, and a function
 * that reads a frame.
 */
export async function webSocketPeer(t, talk) {
  const { port } = await peer(t, async (socket) => {
    const input = reader(socket);
    const [, key] = /^sec-websocket-key: *(\S+)/im.exec(await input.readUntil('\r\n\r\n'));
    const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    await talk(socket, () => readFrame(input));
  });
  return `ws://${HOST}:${port}/`;
}
