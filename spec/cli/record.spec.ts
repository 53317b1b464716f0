import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import { parseRecording, type Recording } from 'rxjs-io-stream/testing';
import { record } from '../../src/cli/record.ts';
import { deadPort, served } from '../support/loopback.ts';
import { nodeTlsServer } from '../support/node-tls-server.ts';
import type { Running } from '../support/run-program.ts';
import { spec } from '../support/spec.ts';
import { folder, runCli } from './run-cli.ts';

const CA = fileURLToPath(new URL('../support/certs/ca.pem', import.meta.url));
const textOf = (place: unknown): string => `127.0.0.1:${(place as { port: number }).port}`;

/** Waits until the program listens; returns its port. */
const portOf = async (running: Running): Promise<number> => Number((await running.prints(/listening on 127\.0\.0\.1:(\d+)/))[1]);

/** Sends a text to the proxy, ends, and returns what comes back. */
async function exchange(port: number, text: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let back = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (back += chunk));
  socket.on('error', () => {});
  socket.end(text);
  await new Promise((resolve) => socket.on('close', resolve));
  return back;
}

/** Returns the bytes of a line as text. */
function bytesOf({ entries }: Recording, line: string): string {
  return entries
    .map((entry) => (entry.line === line && entry.signal.kind === 'data' ? new TextDecoder().decode(entry.signal.bytes) : ''))
    .join('');
}

describe('rxjs-io-stream record', () => {
  spec('forwards connections in both directions, and writes a recording of each, for its owner only', async (h) => {
    const target = await served(h, (socket) => socket.pipe(socket));
    const path = join(folder, 'echo.txt');
    const running = runCli('record', '--listen', '0', '--to', textOf(target), path);
    const port = await portOf(running);
    expect(await exchange(port, 'first')).toBe('first');
    await running.prints(/echo\.txt: \d+ signals/);
    expect(await exchange(port, 'second')).toBe('second');
    await running.prints(/echo-2\.txt: \d+ signals/);
    const { code, stderr } = await running.interrupt();
    expect([code, stderr]).toEqual([0, 'The recordings contain everything that passes, passwords too.\n']);
    for (const [file, text] of [
      ['echo.txt', 'first'],
      ['echo-2.txt', 'second'],
    ] as const) {
      const recording = parseRecording(readFileSync(join(folder, file), 'utf8'));
      expect([bytesOf(recording, 'to wire'), bytesOf(recording, 'wire')]).toEqual([text, text]);
      expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
    }
  });

  spec('speaks TLS to the target with --tls, records both sides of it, and ends after one connection with --once', async (h) => {
    const target = await nodeTlsServer(h, {}, (socket) => socket.pipe(socket));
    const path = join(folder, 'tls.txt');
    const running = runCli('record', '--listen', '0', '--to', textOf(target), '--tls', '--ca', CA, '--once', path);
    expect(await exchange(await portOf(running), 'in the clear')).toBe('in the clear');
    expect((await running.ended).code).toBe(0);
    const recording = parseRecording(readFileSync(path, 'utf8'));
    expect([bytesOf(recording, 'app'), bytesOf(recording, 'to app')]).toEqual(['in the clear', 'in the clear']);
    expect(bytesOf(recording, 'to wire')).not.toContain('in the clear');
    expect(recording.entries.some(({ line, signal }) => line === 'wire' && signal.kind === 'data')).toBe(true);
  });

  spec('records a target that refuses, prints the error, and goes on', async () => {
    const path = join(folder, 'refused.txt');
    const running = runCli('record', '--listen', '127.0.0.1:0', '--to', `127.0.0.1:${await deadPort()}`, path);
    expect(await exchange(await portOf(running), 'hello')).toBe('');
    await running.prints(/refused\.txt: \d+ signals/);
    await running.prints(/ECONNREFUSED/);
    expect((await running.interrupt()).code).toBe(0);
    expect(readFileSync(path, 'utf8')).toMatch(/wire: error ECONNREFUSED/);
  });

  spec('keeps to --limit, and marks the recording as cut', async (h) => {
    const target = await served(h, (socket) => socket.pipe(socket));
    const path = join(folder, 'limit.txt');
    const running = runCli('record', '--listen', '0', '--to', textOf(target), '--limit', '300', '--once', path);
    expect(await exchange(await portOf(running), 'x'.repeat(1000))).toHaveLength(1000);
    expect((await running.ended).stdout).toContain('signals, cut at the limit');
    expect(parseRecording(readFileSync(path, 'utf8')).cut).toBe(true);
  });

  spec('keeps files that exist, and takes the next free number', async (h) => {
    const target = await served(h, (socket) => socket.pipe(socket));
    writeFileSync(join(folder, 'kept-2.txt'), 'mine');
    const running = runCli('record', '--listen', '0', '--to', textOf(target), join(folder, 'kept.txt'));
    const port = await portOf(running);
    await exchange(port, 'first');
    await running.prints(/kept\.txt: \d+ signals/);
    await exchange(port, 'second');
    await running.prints(/kept-3\.txt: \d+ signals/);
    await running.interrupt();
    expect(readFileSync(join(folder, 'kept-2.txt'), 'utf8')).toBe('mine');
    expect(bytesOf(parseRecording(readFileSync(join(folder, 'kept-3.txt'), 'utf8')), 'wire')).toBe('second');
  });

  spec('replaces a file with --force, and makes it readable for its owner only', async (h) => {
    const target = await served(h, (socket) => socket.pipe(socket));
    const path = join(folder, 'forced.txt');
    writeFileSync(path, 'old', { mode: 0o644 });
    const running = runCli('record', '--listen', '0', '--to', textOf(target), '--force', '--once', path);
    await exchange(await portOf(running), 'new');
    await running.ended;
    expect(bytesOf(parseRecording(readFileSync(path, 'utf8')), 'wire')).toBe('new');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  spec('writes whole recordings of open connections at Ctrl-C, also if npm passes it on once more', async (h) => {
    const target = await served(h, (socket) => socket.pipe(socket));
    const path = join(folder, 'interrupted.txt');
    const running = runCli('record', '--listen', '0', '--to', textOf(target), '--limit', '50000000', path);
    const socket = connect(await portOf(running), '127.0.0.1').on('error', () => {});
    const size = 1_000_000;
    socket.write(Buffer.alloc(size));
    let back = 0;
    await new Promise<void>((resolve) => socket.on('data', (chunk) => (back += chunk.length) === size && resolve()));
    const again = setInterval(() => void running.interrupt(), 2);
    await running.prints(/interrupted\.txt: \d+ signals/);
    clearInterval(again);
    socket.destroy();
    await running.ended;
    expect(bytesOf(parseRecording(readFileSync(path, 'utf8')), 'wire')).toHaveLength(size);
  });

  spec('ends before it listens if the folder of FILE does not exist', async () => {
    const path = join(folder, 'none', 'x.txt');
    const { code, stdout, stderr } = await runCli('record', '--listen', '0', '--to', 'localhost:1', path).ended;
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^ENOENT: no such file or directory/);
    expect(existsSync(path)).toBe(false);
  });

  const present = join(folder, 'present.txt');
  writeFileSync(present, 'mine');

  spec.each([
    [['--to', 'a:1', 'f'], 'expected --listen [HOST:]PORT, got none'],
    [['--listen', '80x', '--to', 'a:1', 'f'], "expected --listen [HOST:]PORT, got '80x'"],
    [['--listen', '0', '--to', '80', 'f'], "expected --to HOST:PORT, got '80'"],
    [['--listen', '0', '--to', 'a:70000', 'f'], "expected --to HOST:PORT, got 'a:70000'"],
    [['--listen', '0', '--to', 'a:1', '--limit', '1k', join(folder, 'new')], "expected --limit to be a number of bytes, got '1k'"],
    [['--listen', '0', '--to', 'a:1', '--ca', CA, 'f'], 'expected --tls with --ca, got --ca alone'],
    [['--listen', '0', '--to', 'a:1'], 'expected one FILE, got none'],
    [['--listen', '0', '--to', 'a:1', present], `expected a FILE that does not exist, or --force, got '${present}'`],
  ] as const)('explains its arguments: %j', async (_h, args, words) => {
    await expect(record(args)).rejects.toThrow(words);
    expect(readFileSync(present, 'utf8')).toBe('mine');
  });
});
