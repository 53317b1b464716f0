import { strict as assert } from 'node:assert';
import { AsyncLocalStorage } from 'node:async_hooks';
import { readdirSync } from 'node:fs';
import process from 'node:process';
import { config, firstValueFrom, lastValueFrom, NEVER, Subject, timer } from 'rxjs';
import { connect, framed, IN, IOStream, lines, open, persistent } from 'rxjs-io-stream';
import { dial, failureOf, HOST, deadPort, peer, runProgram, serve, NotApplicable, textOf, until } from '../support.mjs';

const { AbortController, AbortSignal } = globalThis;

/** The number of open sockets of this process; only Linux shows it. */
function openHandles() {
  if (process.platform !== 'linux') throw new NotApplicable('counts descriptors, which only Linux shows');
  return readdirSync('/proc/self/fd').length;
}

export const name = 'Context, abort, leaving';

export const checks = {
  'AsyncLocalStorage: a stream keeps the context in which it was created': async (t) => {
    const storage = new AsyncLocalStorage();
    const { at } = await serve(t, (io) => io.send(io));
    const seen = [];
    const note = (what) => () => seen.push(`${what} in ${storage.getStore()}`);
    const io = storage.run('creator', () => {
      const created = new IOStream({ ...at, waitFor: IN, inBufLimit: 100, cb: (_io, _mask, error) => note(error ? error.code : 'IN')() });
      created.closed$.subscribe(note('closed$'));
      return created;
    });
    t.defer(() => io.reset());
    storage.run('caller', () => io.write('x'));
    await until(() => seen.length >= 1, 'an event');
    storage.run('caller', () => {
      io.end();
      io.write('too late');
    });
    await until(() => seen.length >= 2, 'the error of the rejected write');
    storage.run('caller', () => io.close());
    await until(() => io.state === 'closed', 'the end');
    assert.deepEqual(seen, ['IN in creator', 'ECLOSED in creator', 'closed$ in creator']);
  },

  'AsyncLocalStorage: a wire that emits in another context changes nothing': async () => {
    const storage = new AsyncLocalStorage();
    const up$ = new Subject();
    const seen = [];
    const note = (what) => () => seen.push(`${what} in ${storage.getStore()}`);
    const io = storage.run('creator', () => new IOStream({ wire: () => () => up$ }));
    storage.run('creator', () => {
      io.data$.subscribe({ next: note('data$'), complete: note('data$ completes') });
      io.closed$.subscribe(note('closed$'));
    });
    await firstValueFrom(timer(10));
    storage.run('wire', () => {
      up$.next({ kind: 'connected', details: [] });
      up$.next({ kind: 'data', bytes: new Uint8Array(1) });
      up$.next({ kind: 'end' });
      up$.complete();
    });
    await until(() => io.state === 'closed', 'the end');
    assert.deepEqual(seen, ['data$ in creator', 'data$ completes in creator', 'closed$ in creator']);
  },

  'AsyncLocalStorage: messages and handlers keep their context': async (t) => {
    const storage = new AsyncLocalStorage();
    const { at } = await storage.run('server', () => serve(t, (io) => io.send([`${storage.getStore()}\n`])));
    const seen = await storage.run('client', async () => {
      const { messages$ } = framed(await dial(t, at), lines({ maxLength: 100 }));
      return new Promise((resolve) => messages$.subscribe((line) => resolve([line, storage.getStore()])));
    });
    assert.deepEqual(seen, ['server', 'client']);
  },

  'AbortSignal: stops an attempt': async () => {
    const silent = () => () => NEVER;
    const { name } = await failureOf(open({ wire: silent, signal: AbortSignal.timeout(50) }));
    assert.equal(name, 'AbortError');
  },

  'AbortSignal: ends a reader with an AbortError': async (t) => {
    const stop = new AbortController();
    const io = await dial(t, { ...(await peer(t, () => {})), signal: stop.signal });
    const reading = failureOf(textOf(io));
    stop.abort();
    assert.equal((await reading).name, 'AbortError');
    assert.equal((await firstValueFrom(io.closed$)).by, 'us');
  },

  'an error without a handler goes to `config.onUnhandledError`': async (t) => {
    const before = config.onUnhandledError;
    t.defer(() => (config.onUnhandledError = before));
    const unhandled = new Promise((resolve) => (config.onUnhandledError = resolve));
    new IOStream({ host: HOST, port: await deadPort() });
    assert.equal((await unhandled).code, 'ECONNREFUSED');
  },

  '`Symbol.asyncDispose` closes, and waits until the handle is free': async (t) => {
    const { server, at } = await serve(t, (io) => io.send(io));
    const io = await dial(t, at);
    await io[Symbol.asyncDispose]();
    assert.equal(io.state, 'closed');
    await until(() => server.size === 0, 'no connection');
  },

  'unsubscribing closes the connection silently': async (t) => {
    const { server, at } = await serve(t, (io) => io.send(io));
    const seen = [];
    const note = (what) => () => seen.push(what);
    const subscription = connect(at, (io) => io.data$).subscribe({ next: note('next'), error: note('error'), complete: note('complete') });
    await until(() => server.size === 1, 'the connection');
    subscription.unsubscribe();
    await until(() => server.size === 0, 'no connection');
    assert.deepEqual(seen, []);
  },

  'leaving frees every handle': async (t) => {
    const before = openHandles();
    const { server, at, stop } = await serve(t, (io) => io.send(io));
    const subscriptions = Array.from({ length: 20 }, () => connect(at, (io) => io.data$).subscribe());
    const line = persistent(at);
    await until(() => server.size === 21, 'all connections');
    assert.ok(openHandles() >= before + 42, 'expected two handles for each connection');
    for (const subscription of subscriptions) subscription.unsubscribe();
    line.close();
    stop();
    await until(() => openHandles() <= before, `${before} handles; there are ${openHandles()}`);
  },

  'leaving an iteration leaves the stream open': async (t) => {
    const { at } = await serve(t, (io) => io.send(io));
    const io = await dial(t, at);
    io.write('one');
    for await (const bytes of io) {
      assert.equal(bytes.toString(), 'one');
      break;
    }
    io.end('two');
    assert.equal(await textOf(io), 'two');
  },

  'a process that has left everything exits by itself': async (t) => {
    const { code, stdout, stderr } = await runProgram(t, 'leaves');
    assert.deepEqual([code, stdout, stderr], [0, 'hello\n', '']);
  },

  'a close that is awaited keeps the process alive': async (t) => {
    const { code, stdout, stderr } = await runProgram(t, 'awaits-close');
    assert.deepEqual([code, stdout, stderr], [0, '5\n', '']);
  },

  'a source of the application that fails is reported to its caller': async (t) => {
    const { at } = await serve(t, (io) => io.send(io));
    const io = await dial(t, at);
    const failing = (async function* () {
      yield 'x';
      throw new RangeError('no more');
    })();
    assert.equal((await failureOf(lastValueFrom(io.send(failing)))).message, 'no more');
    assert.equal(io.state, 'open');
  },
};
