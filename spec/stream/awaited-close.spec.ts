import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { serve } from './tools.ts';

const INDEX = fileURLToPath(new URL('../../src/index.ts', import.meta.url));

/** The result of a script. */
interface Exit {
  /** `seen` if the script continued after its `await`. */
  readonly out: string;
  readonly code: number | null;
  /** Milliseconds from the script to the exit. */
  readonly took: number;
}

/** Runs a script in a new process. Its variable `to` is the address of the peer. */
async function runScript(h: Harness, port: number, script: string): Promise<Exit> {
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
  'a close whose subscriber has unsubscribed': 'const io = await open(to); io.close(); io.closed$.subscribe().unsubscribe();',
  'a connection that is unsubscribed': 'connect(to).pipe(take(1)).subscribe();',
};

describe('a process', () => {
  spec('stays alive until an awaited close is complete, whatever awaits it', async (h) => {
    const port = await serve(h, (socket) => socket.resume().on('end', () => setTimeout(() => socket.end(), 500)));
    const exits = await Promise.all(Object.values(AWAITED).map((script) => runScript(h, port, `${script} console.log('seen');`)));
    const seen = Object.fromEntries(Object.keys(AWAITED).map((name, at) => [name, [exits[at]?.out, exits[at]?.code]]));
    expect(seen).toStrictEqual(Object.fromEntries(Object.keys(AWAITED).map((name) => [name, ['seen', 0]])));
  });

  spec('stays alive at most `timeouts.close` when the peer never ends', async (h) => {
    const port = await serve(h, (socket) => socket.resume());
    const script =
      "const io = await open({ ...to, timeouts: { close: 200 } }); io.close(); await firstValueFrom(io.closed$); console.log('seen');";
    const { out, code, took } = await runScript(h, port, script);
    expect([out, code]).toStrictEqual(['seen', 0]);
    expect(took >= 190 && took < 2500, String(took)).toBe(true);
  });

  spec('does not stay alive for a close that is not awaited', async (h) => {
    const port = await serve(h, (socket) => socket.resume());
    const exits = await Promise.all(Object.values(NOT_AWAITED).map((script) => runScript(h, port, script)));
    for (const [at, name] of Object.keys(NOT_AWAITED).entries()) {
      expect([exits[at]?.out, exits[at]?.code], name).toStrictEqual(['', 0]);
      expect(exits[at]!.took < 2500, `${name}: ${exits[at]?.took} ms`).toBe(true);
    }
  });

  spec('exits after a close, a reset, or a write to an unref’d stream, without an end of the peer', async (h) => {
    const port = await serve(h, (socket) => socket.resume());
    const scripts = ['io.close();', "io.unref(); io.write('x');", 'io.end(); io.closed$.subscribe(); io.reset();'];
    for (const took of await Promise.all(scripts.map((script) => lifetimeOf(h, port, script)))) {
      expect(took < 2500, `the process lived for ${took} ms after the script`).toBe(true);
    }
  });

  spec('stays alive while a stream is open', async (h) => {
    let ended!: () => void;
    const peerEnded = new Promise<void>((resolve) => (ended = resolve));
    const port = await serve(h, (socket) => {
      // From the byte on: the program may notice later than its peer that it is connected.
      socket
        .resume()
        .once('data', () => setTimeout(() => socket.end(), 300))
        .on('end', ended);
    });
    const took = await lifetimeOf(h, port, "io.data$.subscribe(); io.write('x');");
    await peerEnded;
    expect(took >= 250, `${took} ms`).toBe(true);
  });
});

/** Runs a script on the stream `io` in a new process. Returns the milliseconds from the script to the exit. */
async function lifetimeOf(h: Harness, port: number, script: string): Promise<number> {
  expect(existsSync(INDEX)).toBe(true);
  const program = `
    const { IOStream, CONNECTED } = await import(${JSON.stringify(INDEX)});
    const io = new IOStream({ host: '127.0.0.1', port: ${port}, onEvent: ({ mask }) => {
      if (!(mask & CONNECTED)) return;
      const start = performance.now();
      process.on('exit', () => console.log(performance.now() - start));
      setImmediate(() => { ${script} });
    } });`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  h.defer(() => child.kill('SIGKILL'));
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(0);
  return Number(out);
}
