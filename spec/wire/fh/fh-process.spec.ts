import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { assert, describe, expect, it } from 'vitest';
import { fromFh, type Fh } from '../../../src/wire/fh/fh.ts';
import { WireDriver } from '../../support/wire-driver.ts';
import { directory, file, fresh, pair, textOf } from '../../support/fh-peers.ts';
import type { Harness } from '../../support/harness.ts';
import { invariants } from '../../support/invariants.ts';
import { spec } from '../../support/spec.ts';
import { runFhChild, type Shell } from '../../support/run-fh-child.ts';

const carry = (h: Harness, fh: Fh): WireDriver => new WireDriver(h, fromFh(fh));

describe('fromFh: child processes', () => {
  const node = (script: string): ReturnType<typeof spawn> =>
    spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, NODE_OPTIONS: '' } });

  spec('carries the stdin and stdout of a child', async (h) => {
    const child = node('process.stdin.pipe(process.stdout)');
    const bytes = randomBytes(1_000_000);
    const to = carry(h, child.stdin!);
    const from = carry(h, child.stdout!);
    to.write(bytes);
    to.end();
    await from.waitFor('end');
    from.close();
    await Promise.all([to.up.ended, from.up.ended]);
    expect([to.up.state, to.sent, from.up.state]).toStrictEqual(['complete', bytes.length, 'complete']);
    h.sameBytes(from.bytes, bytes);
    await h.until(() => child.exitCode !== null);
  });

  const stdin = async (fh: string, give: string, shell: Shell, steps: readonly string[] = []) => {
    const child = runFhChild(directory, [fh, ...steps], ['pipe', 'pipe', 'inherit'], shell);
    child.process.stdout?.resume();
    // Without `end`: the program must go although its stdin is open.
    if (steps.includes('close')) child.process.stdin?.write(give);
    else child.process.stdin?.end(give);
    const summary = await child.summary;
    child.process.stdin?.destroy();
    return summary;
  };

  const whole = { kinds: ['connected', 'data', 'end'], data: 'hello\n', sent: 0, state: 'complete' };

  spec.each([
    ['process.stdin, a UNIX socket', 'stdin', 'none'],
    ['process.stdin, a pipe', 'stdin', 'pipe'],
    ['descriptor 0, a pipe', '0', 'pipe'],
  ] as const)('reads %s', async (_h, _name, fh, shell) => {
    const { isOpen, ...summary } = await stdin(fh, 'hello\n', shell);
    expect(summary).toStrictEqual(whole);
    expect(isOpen, 'descriptor 0 stays open, as Node wants it').toBe(fh === '0');
  });

  spec('lets the process exit once process.stdin is closed', async () => {
    const { kinds, state } = await stdin('stdin', 'hello\n', 'none', ['await:data', 'close']);
    expect([kinds, state]).toStrictEqual([['connected', 'data'], 'complete']);
  });

  spec.each([
    ['a file', () => file('hello\n'), whole],
    ['/dev/null', () => '/dev/null', { kinds: ['connected', 'end'], data: '', sent: 0, state: 'complete' }],
  ])('reads process.stdin when it is %s', async (h, _name, path, expected) => {
    const handle = await open(path(), 'r');
    h.defer(() => handle.close());
    const { summary } = runFhChild(directory, ['stdin'], [handle.fd, 'ignore', 'inherit']);
    const { isOpen, ...rest } = await summary;
    expect([rest, isOpen]).toStrictEqual([expected, false]);
  });

  spec.each([
    ['a UNIX socket', 'none'],
    ['a pipe', 'pipe'],
  ] as const)('writes process.stdout when it is %s', async (_h, _name, shell) => {
    const child = runFhChild(directory, ['stdout', 'write:hello', 'end'], ['ignore', 'pipe', 'inherit'], shell);
    const text = await textOf(child.process.stdout!);
    const { isOpen: _, ...summary } = await child.summary;
    expect(text).toBe('hello');
    expect(summary).toStrictEqual({ kinds: ['connected', 'sent'], data: '', sent: 5, state: 'complete' });
  });

  spec('writes process.stdout when it is a file', async (h) => {
    const path = fresh();
    const handle = await open(path, 'w');
    h.defer(() => handle.close());
    const { summary } = runFhChild(directory, ['stdout', 'write:hello', 'close'], ['ignore', handle.fd, 'inherit']);
    const { sent, state } = await summary;
    expect([sent, state, readFileSync(path, 'utf8')]).toStrictEqual([5, 'complete', 'hello']);
  });

  spec('carries a descriptor that is a UNIX socket', async () => {
    const steps = ['3', 'write:question', 'end', 'await:end'];
    const child = runFhChild(directory, steps, ['ignore', 'ignore', 'inherit', 'pipe']);
    const socket = child.process.stdio[3] as Socket;
    socket.allowHalfOpen = true;
    expect(await textOf(socket)).toBe('question');
    socket.end('answer');
    const summary = await child.summary;
    expect([summary.data, summary.sent, summary.state, summary.isOpen]).toStrictEqual(['answer', 8, 'complete', false]);
    expect(summary.kinds).toStrictEqual(['connected', 'sent', 'data', 'end']);
  });

  spec('carries a descriptor that is a TCP socket', async (h) => {
    const { fh, peer } = await pair(h, 'accepted');
    const child = runFhChild(directory, ['3', 'write:question', 'await:end', 'end'], ['ignore', 'ignore', 'inherit', fh]);
    fh.destroy();
    peer.write('answer');
    await once(peer, 'readable');
    expect(String(peer.read())).toBe('question');
    peer.end();
    const summary = await child.summary;
    expect([summary.data, summary.sent, summary.state, summary.isOpen]).toStrictEqual(['answer', 8, 'complete', false]);
  });

  spec('carries a descriptor that is a pipe of a shell', async () => {
    const summary = await stdin('r:/dev/fd/0', 'hello\n', 'pipe');
    expect(summary).toStrictEqual({ ...whole, isOpen: false });
  });
});

const hasScript = process.platform === 'linux' && spawnSync('script', ['--version']).error === undefined;

describe('fromFh: terminals', () => {
  const terminal = async (args: readonly string[], typed: string) => {
    const child = runFhChild(directory, args, ['pipe', 'pipe', 'inherit'], 'terminal');
    let shown = '';
    child.process.stdout?.on('data', (bytes: Buffer) => (shown += bytes.toString()));
    // Not ended: `script` is to see the end of its input as typed, with ^D.
    child.process.stdin?.write(typed);
    const summary = await child.summary;
    child.process.stdin?.destroy();
    return { ...summary, shown };
  };
  const itTty = (name: string, work: (h: Harness) => unknown): void => {
    it(name, (context) => {
      context.skip(!hasScript, 'needs `script` of util-linux, which makes a pseudo-terminal');
      return invariants(work)();
    });
  };

  for (const fh of ['stdin', '0', 'r:/dev/tty']) {
    itTty(`reads ${fh} to the end of the input`, async () => {
      const { kinds, data, state } = await terminal([fh], 'hello\n\x04');
      expect([kinds, data, state]).toStrictEqual([['connected', 'data', 'end'], 'hello\n', 'complete']);
    });
  }

  itTty('lets the process exit once it is closed', async () => {
    const { kinds, state } = await terminal(['stdin', 'await:data', 'close'], 'hello\n');
    expect([kinds, state]).toStrictEqual([['connected', 'data'], 'complete']);
  });

  for (const fh of ['stdout', '1', 'w:/dev/tty']) {
    itTty(`writes ${fh}`, async () => {
      const { kinds, sent, state, shown } = await terminal([fh, 'write:hello', 'end'], '');
      expect([kinds, sent, state]).toStrictEqual([['connected', 'sent'], 5, 'complete']);
      assert(shown.includes('hello'));
    });
  }

  itTty('reads and writes a descriptor that is open for both, and closes it', async () => {
    const { data, sent, state, isOpen, shown } = await terminal(['r+:/dev/tty', 'write:hi', 'await:data', 'close'], 'hello\n');
    expect([data, sent, state, isOpen]).toStrictEqual(['hello\n', 2, 'complete', false]);
    assert(shown.includes('hi'));
  });

  itTty('errors with EBADF when process.stdin is written to', async () => {
    const { code, phase } = await terminal(['stdin', 'write:x'], '');
    expect([code, phase]).toStrictEqual(['EBADF', 'write']);
  });
});

const hasPython = process.platform === 'linux' && spawnSync('python3', ['-c', 'import pty']).status === 0;

describe('fromFh: the master of a pseudo-terminal', () => {
  const itMaster = (name: string, work: () => unknown): void => {
    it(name, (context) => {
      context.skip(!hasPython, 'needs python3, which makes a pseudo-terminal for its child');
      return invariants(work)();
    });
  };

  for (const [name, fh] of [
    ['number', '9'],
    ['tty.ReadStream', 'tty:9'],
  ] as const) {
    itMaster(`given as a ${name} ends when the slave is closed`, async () => {
      const child = runFhChild(directory, [fh, 'await:data', 'ready', 'await:end', 'end'], ['pipe', 'pipe', 'inherit'], 'master');
      child.process.stdout?.once('data', () => child.process.stdin?.end());
      const { kinds, data, state, isOpen } = await child.summary;
      expect([kinds, data, state, isOpen]).toStrictEqual([['connected', 'data', 'end'], 'hello', 'complete', false]);
    });
  }

  itMaster('refuses what is written after the slave was closed', async () => {
    const child = runFhChild(directory, ['9', 'await:data', 'ready', 'await:end', 'write:late'], ['pipe', 'pipe', 'inherit'], 'master');
    child.process.stdout?.once('data', () => child.process.stdin?.end());
    const { code, phase } = await child.summary;
    expect([code, phase]).toStrictEqual(['EPIPE', 'write']);
  });
});
