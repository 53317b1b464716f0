// Proxies on the runtime's own sockets: SOCKS 5 with a password, SOCKS 4a, and HTTP CONNECT with Basic.
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect } from 'node:net';
import { HOST, peer, reader } from './support.mjs';

/** Joins two sockets, after what was read of `near` already. */
function join(near, far, unread) {
  const stop = () => (near.destroy(), far.destroy());
  near.on('error', stop).on('close', stop);
  far.on('error', stop).on('close', stop);
  far.write(unread);
  near.pipe(far);
  far.pipe(near);
}

/** Connects to the target and sends the reply; with `surplus` in one piece with the first bytes of the target. */
async function tunnel(near, input, { port, reply, surplus }) {
  const far = connect({ host: HOST, port, allowHalfOpen: true });
  await once(far, 'connect');
  const [first] = surplus ? await once(far, 'data') : [Buffer.alloc(0)];
  far.pause();
  near.write(Buffer.concat([reply, first]));
  join(near, far, input.release());
}

async function socks5Talk(near, input, seen, { user, pass, surplus }) {
  const [, methods] = await input.read(2);
  await input.read(methods);
  near.write(Buffer.of(5, 2));
  const [, userLength] = await input.read(2);
  const gotUser = String(await input.read(userLength));
  const [passLength] = await input.read(1);
  const isValid = gotUser === user && String(await input.read(passLength)) === pass;
  near.write(Buffer.of(1, isValid ? 0 : 1));
  if (!isValid) return near.end();
  const [, , , , hostLength] = await input.read(5); // always by name
  const host = String(await input.read(hostLength));
  const port = (await input.read(2)).readUInt16BE();
  seen.push(`${host}:${port}`);
  await tunnel(near, input, { port, surplus, reply: Buffer.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 80) });
}

async function socks4Talk(near, input, seen, { surplus }) {
  const port = (await input.read(8)).readUInt16BE(2);
  await input.readUntil('\0');
  const host = (await input.readUntil('\0')).slice(0, -1);
  seen.push(`${host}:${port}`);
  await tunnel(near, input, { port, surplus, reply: Buffer.of(0, 90, 0, 80, 127, 0, 0, 1) });
}

async function httpTalk(near, input, seen, { user, pass, surplus }) {
  const head = await input.readUntil('\r\n\r\n');
  const [, target, port] = /^CONNECT (\S+):(\d+) HTTP\/1\.1\r\n/.exec(head) ?? [];
  const expected = `Basic ${Buffer.from(`${user}:${pass}`).toString('base64')}`;
  if (!head.includes(expected))
    return near.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n');
  seen.push(`${target}:${port}`);
  await tunnel(near, input, { port: Number(port), surplus, reply: Buffer.from('HTTP/1.1 200 OK\r\n\r\n') });
}

const TALKS = { socks5: socks5Talk, socks4: socks4Talk, http: httpTalk };

/** Runs a proxy until the check is over. Resolves with where to dial, and the targets that it has connected to. */
export async function proxy(t, kind, options = {}) {
  const seen = [];
  const at = await peer(t, (near) => {
    TALKS[kind](near, reader(near), seen, { user: 'me', pass: 'secret', ...options }).catch(() => near.destroy());
  });
  return { at, seen };
}
