// As much of PostgreSQL's protocol, over TLS, as an example needs: it accepts every user, and replies to each query with one row.
import { converse, listen, tlsServer, type Link, type Need, type Server } from 'rxjs-io-stream';
import type { Observable } from 'rxjs';
import { cert, key } from './identity.ts';

const ROW = 'PostgreSQL of the example, over TLS';
/** Maximum bytes of a message. */
const MAX_LENGTH = 64 * 1024;

/** Serves on a free port of loopback while subscribed. */
export function tinyPostgres(): Observable<Server> {
  const plugin = { tls: tlsServer({ key, cert, ALPNProtocols: ['postgresql'] }) };
  return listen({ host: '127.0.0.1', port: 0, plugin }, (io) => converse(io, serve));
}

/** The conversation of one connection, up to the Terminate of the client. */
function* serve(link: Link): Generator<Need, void, Uint8Array> {
  yield* readBody(link); // StartupMessage: no type
  link.send(Buffer.concat([message('R', int32(0)), READY])); // AuthenticationOk
  for (;;) {
    const [type = 0] = yield* link.read(1);
    yield* readBody(link);
    if (type === 'X'.charCodeAt(0)) return;
    if (type === 'Q'.charCodeAt(0)) link.send(Buffer.concat([DESCRIPTION, DATA, message('C', 'SELECT 1\0'), READY]));
  }
}

function* readBody(link: Link): Generator<Need, Uint8Array, Uint8Array> {
  const length = Buffer.from(yield* link.read(4)).readUInt32BE();
  if (length < 4 || length > MAX_LENGTH) throw new Error(`expected a message of 4 to ${MAX_LENGTH} bytes, got ${length}`);
  return yield* link.read(length - 4);
}

function message(type: string, ...parts: readonly (string | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int16(value: number): Buffer {
  return int32(value).subarray(2);
}

const READY = message('Z', 'I');
/** One column of type text (25). */
const DESCRIPTION = message('T', int16(1), 'version\0', int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0));
const DATA = message('D', int16(1), int32(Buffer.byteLength(ROW)), ROW);
