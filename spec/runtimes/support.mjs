// What the checks share: servers and peers on loopback that end with the check. Imports only what Node, Bun and Deno have in common.
import { strict as assert } from 'node:assert';
import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import process from 'node:process';
import { listen, open } from 'rxjs-io-stream';

export const HOST = '127.0.0.1';

/** Thrown by a check that needs what this build of the package does not have. */
export class Skipped extends Error {}
/** Thrown by a check that concerns another runtime or platform only. */
export class NotApplicable extends Error {}

const pem = (name) => readFileSync(new URL(`../support/certs/${name}.pem`, import.meta.url), 'utf8');
export const ca = pem('ca');
/** The key and the certificate with this name. */
export const identity = (name) => ({ key: pem(`${name}.key`), cert: pem(name) });

/** A lookup that answers every name with loopback. */
export const lookup = (_host, _options, done) => done(null, [{ address: HOST, family: 4 }]);

/** Listens with the package until the check is over. Resolves with the server, where to dial, and the errors of the server. */
export async function serve(t, handler, options = {}) {
  const to = options.path === undefined ? { host: HOST, port: 0 } : {};
  const errors = [];
  let serving;
  const server = await new Promise((resolve, reject) => {
    serving = listen({ ...to, ...options }, handler).subscribe({ next: resolve, error: reject });
  });
  t.defer(() => serving.unsubscribe());
  server.errors$.subscribe((error) => errors.push(error));
  const at = options.path === undefined ? { host: HOST, port: server.address.port } : { path: options.path };
  return { server, at, errors, stop: () => serving.unsubscribe() };
}

/** Listens with the runtime's own sockets until the check is over. Resolves with where to dial. */
export async function peer(t, onSocket, to = { host: HOST, port: 0 }) {
  const sockets = new Set();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    onSocket(socket);
  });
  server.listen(to);
  await once(server, 'listening');
  t.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return to.path === undefined ? { host: HOST, port: server.address().port } : to;
}

/** Opens a stream that is reset when the check is over. */
export async function dial(t, options) {
  const io = await open({ timeouts: { handshake: 3000, close: 500 }, ...options });
  t.defer(() => io.reset());
  return io;
}

/** A port of loopback at which nothing listens. Below 32768: the kernel lends those above to any socket, before the check listens there. */
export async function deadPort() {
  const port = 10_000 + Math.floor(Math.random() * 22_768);
  const server = createServer().listen(port, HOST);
  try {
    await once(server, 'listening');
  } catch {
    return deadPort(); // In use.
  }
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** All that a stream still receives, as text. */
export async function textOf(io) {
  const chunks = [];
  for await (const bytes of io) chunks.push(bytes);
  return Buffer.concat(chunks).toString();
}

/** The error with which a Promise or a call is rejected. Fails if there is none. */
export async function failureOf(work) {
  let value;
  try {
    value = await (typeof work === 'function' ? work() : work);
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: `expected an error, got ${String(value)}` });
}

/** Waits until a condition holds; fails with its description after some seconds. */
export async function until(condition, what, seconds = 5) {
  for (let round = 0; !(await condition()); round += 1) {
    if (round === seconds * 100) throw new assert.AssertionError({ message: `expected within ${seconds} s: ${what}` });
    await wait(10);
  }
}

/** Waits until a number stays the same for 150 ms, and returns it. */
export async function settled(read) {
  let [last, since] = [read(), 0];
  while (since < 150) {
    await wait(10);
    const now = read();
    since = now === last ? since + 10 : 0;
    last = now;
  }
  return last;
}

/** Reads a socket of the runtime in pieces: a length, or up to a text. */
export function reader(socket) {
  let buffered = Buffer.alloc(0);
  let wake = () => {};
  const onData = (bytes) => {
    buffered = Buffer.concat([buffered, bytes]);
    wake();
  };
  socket.on('data', onData);
  const more = () => new Promise((resolve) => (wake = resolve));
  const take = (length) => {
    const taken = buffered.subarray(0, length);
    buffered = buffered.subarray(length);
    return taken;
  };
  return {
    read: async (length) => {
      while (buffered.length < length) await more();
      return take(length);
    },
    readUntil: async (end) => {
      while (!buffered.includes(end)) await more();
      return take(buffered.indexOf(end) + end.length).toString('latin1');
    },
    /** Stops reading, and returns what is unread. */
    release: () => {
      socket.pause().off('data', onData);
      return buffered;
    },
  };
}

const DENO = ['run', '--allow-all', '--no-prompt', '--quiet'];

/** Runs a file of `programs/` in this runtime. Resolves with its exit code and its output. */
export async function runProgram(t, name, { args = [], input = '' } = {}) {
  const file = fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [...(process.versions.deno === undefined ? [] : DENO), file, ...args], {
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  t.defer(() => child.kill('SIGKILL'));
  const closed = once(child, 'close');
  child.stdin.on('error', () => {}).end(input);
  const [stdout, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { code: code ?? signal, stdout, stderr };
}
