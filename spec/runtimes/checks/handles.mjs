import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex, PassThrough } from 'node:stream';
import { firstValueFrom } from 'rxjs';
import { open } from 'rxjs-io-stream';
import { deadPort, dial, failureOf, peer, runProgram, textOf } from '../support.mjs';

function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'io-stream-'));
  t.defer(() => rmSync(path, { recursive: true }));
  return path;
}

export const name = 'Existing handles';

export const checks = {
  "takes over a socket of the runtime's `node:net`": async (t) => {
    const at = await peer(t, (socket) => socket.pipe(socket));
    const socket = connectSocket({ ...at, allowHalfOpen: true });
    await once(socket, 'connect');
    const io = await dial(t, { fh: socket });
    io.end('hello');
    assert.equal(await textOf(io), 'hello');
  },

  'takes over a socket that is still connecting': async (t) => {
    const at = await peer(t, (socket) => socket.pipe(socket));
    const io = await dial(t, { fh: connectSocket(at) });
    io.end('hello');
    assert.equal(await textOf(io), 'hello');
    const { code } = await failureOf(open({ fh: connectSocket({ ...at, port: await deadPort() }) }));
    assert.equal(code, 'ECONNREFUSED');
  },

  'reads a file by the number of its descriptor': async (t) => {
    const path = join(folder(t), 'file');
    writeFileSync(path, 'x'.repeat(300_000));
    assert.equal((await textOf(await dial(t, { fh: openSync(path, 'r') }))).length, 300_000);
  },

  'writes a file by a FileHandle': async (t) => {
    const path = join(folder(t), 'file');
    const io = await dial(t, { fh: await openFile(path, 'w') });
    io.end('written');
    const { bytesOut } = await firstValueFrom(io.closed$);
    assert.deepEqual([readFileSync(path, 'utf8'), bytesOut], ['written', 7]);
  },

  'talks to a child process by its pipes': async (t) => {
    const child = spawn('cat', { stdio: ['pipe', 'pipe', 'ignore'] });
    t.defer(() => child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    const input = await dial(t, { fh: child.stdin });
    const output = await dial(t, { fh: child.stdout });
    input.end('through cat');
    assert.equal(await textOf(output), 'through cat');
    await exited;
  },

  'reads standard input, and writes standard output': async (t) => {
    const { code, stdout, stderr } = await runProgram(t, 'upper-case', { input: 'from the pipe' });
    assert.deepEqual([code, stdout, stderr], [0, 'FROM THE PIPE', '']);
  },

  'takes any Duplex of `node:stream`': async (t) => {
    const [toPeer, fromPeer] = [new PassThrough(), new PassThrough()];
    const io = await dial(t, { fh: Duplex.from({ readable: fromPeer, writable: toPeer }) });
    toPeer.pipe(fromPeer);
    io.end('hello');
    assert.equal(await textOf(io), 'hello');
  },

  'refuses an fh that another stream uses': async (t) => {
    const socket = connectSocket(await peer(t, () => {}));
    await dial(t, { fh: socket });
    assert.ok((await failureOf(open({ fh: socket }))) instanceof TypeError);
  },
};
