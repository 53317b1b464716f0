import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Harness } from '../support/harness.ts';
import { invariants } from '../support/invariants.ts';
import { serve } from './tools.ts';

const INDEX = fileURLToPath(new URL('../../src/index.ts', import.meta.url));

interface Ended {
  /** `seen`, when the program got past what it awaits. */
  readonly out: string;
  readonly code: number | null;
  /** Milliseconds from the script to the exit. */
  readonly took: number;
}

/** Runs a script on `to`, where a peer listens, in a process of its own. */
async function program(h: Harness, port: number, script: string): Promise<Ended> {
  const source = `
    import { connect, listen, open, toDuplex } from ${JSON.stringify(INDEX)};
    import { once } from 'node:events';
    import { firstValueFrom, lastValueFrom, of, tap, take } from 'rxjs';
    const to = { host: '127.0.0.1', port: ${port} };
    const start = performance.now();
    process.on('exit', () => console.log(performance.now() - start));
    ${script}`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'pipe'] });
  h.defer(() => child.kill('SIGKILL'));
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number | null];
  const lines = out.trim().split('\n');
  const took = Number(lines.pop());
  return { out: lines.join() + err.replace(/^Warning: Detected unsettled top-level await[^]*$/m, 'unsettled'), code, took };
}

const AWAITED: Record<string, string> = {
  'closed$ after close()': 'const io = await open(to); io.close(); await firstValueFrom(io.closed$);',
  'closed$ before close()': 'const io = await open(to); const closed = firstValueFrom(io.closed$); io.close(); await closed;',
  asyncDispose: 'const io = await open(to); await io[Symbol.asyncDispose]();',
  'the close of a Duplex': "const duplex = toDuplex(await open(to)); duplex.end(); duplex.resume(); await once(duplex, 'close');",
  'the completion of connect': 'await lastValueFrom(connect(to).pipe(tap((io) => io.close())));',
  'the completion of connect with a handler': 'await lastValueFrom(connect(to, () => of(1)));',
};

const NOT_AWAITED: Record<string, string> = {
  'a close': 'const io = await open(to); io.close();',
  'a close whose waiter has left': 'const io = await open(to); io.close(); io.closed$.subscribe().unsubscribe();',
  'a connection that is left': 'connect(to).pipe(take(1)).subscribe();',
};

describe('a process', () => {
  it('stays alive until a close that is awaited is complete, whatever awaits it', { timeout: 60_000 }, async () => {
    await invariants(async (h) => {
      const port = await serve(h, (socket) => socket.resume().on('end', () => setTimeout(() => socket.end(), 500)));
      const ended = await Promise.all(Object.values(AWAITED).map((script) => program(h, port, `${script} console.log('seen');`)));
      const seen = Object.fromEntries(Object.keys(AWAITED).map((name, at) => [name, [ended[at]?.out, ended[at]?.code]]));
      expect(seen).toStrictEqual(Object.fromEntries(Object.keys(AWAITED).map((name) => [name, ['seen', 0]])));
    })();
  });

  it('waits for timeouts.close at most, when the peer never ends', { timeout: 60_000 }, async () => {
    await invariants(async (h) => {
      const port = await serve(h, (socket) => socket.resume());
      const script =
        "const io = await open({ ...to, timeouts: { close: 200 } }); io.close(); await firstValueFrom(io.closed$); console.log('seen');";
      const { out, code, took } = await program(h, port, script);
      expect([out, code]).toStrictEqual(['seen', 0]);
      expect(took >= 190 && took < 2500, String(took)).toBe(true);
    })();
  });

  it('does not stay alive for a close that is not awaited', { timeout: 60_000 }, async () => {
    await invariants(async (h) => {
      const port = await serve(h, (socket) => socket.resume());
      const ended = await Promise.all(Object.values(NOT_AWAITED).map((script) => program(h, port, script)));
      for (const [at, name] of Object.keys(NOT_AWAITED).entries()) {
        expect([ended[at]?.out, ended[at]?.code], name).toStrictEqual(['', 0]);
        expect(ended[at]!.took < 2500, `${name}: ${ended[at]?.took} ms`).toBe(true);
      }
    })();
  });
});
