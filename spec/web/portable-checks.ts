// What rxjs-io-stream/web, /codecs and /testing do on any runtime. Needs no test runner: a page and a worker run it, too.
import { concat, firstValueFrom, fromEvent, lastValueFrom, map, toArray, type Observable } from 'rxjs';
import { ndjson, netstrings } from 'rxjs-io-stream/codecs';
import * as codecs from 'rxjs-io-stream/codecs';
import { checkCodec, checkPlugin, checkWire, marbles, memoryPair, testDial, wirePeer } from 'rxjs-io-stream/testing';
import {
  connect,
  converse,
  EPROXYAUTH,
  framed,
  handshake,
  httpProxy,
  IOStream,
  IOStreamError,
  lengthPrefixed,
  lines,
  mapBytes,
  mux,
  open,
  overMessages,
  persistent,
  rc4,
  relay,
  requests,
  socks5,
  stack,
  throttleBytes,
  trace,
  type Dial,
  type Plugin,
  type Wire,
} from 'rxjs-io-stream/web';

function equal(got: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
  if (a !== b) throw new Error(`expected ${b}, got ${a}`);
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** All bytes of a stream, as text. */
async function all(data$: Observable<Uint8Array>): Promise<string> {
  return text(Uint8Array.from((await lastValueFrom(data$.pipe(toArray()))).flatMap((bytes) => [...bytes])));
}

/** Plays a script behind a plugin: what a proxy expects, and what it answers. Ends with an echo. */
function proxyOf(play: (far: IOStream) => Promise<void>): { readonly wire: Wire; readonly dialled: Dial['to'][] } {
  const dialled: Dial['to'][] = [];
  const wire: Wire = (dial) => {
    dialled.push(dial.to);
    const [near, far] = memoryPair();
    const io = new IOStream({ wire: far });
    io.errors$.subscribe();
    void play(io).then(
      () => io.send(io).subscribe({ error: () => {} }),
      (error: unknown) => {
        if (!(error instanceof IOStreamError)) throw error; // The near side has left.
      },
    );
    return near(dial);
  };
  return { wire, dialled };
}

const read = (io: IOStream, count: number): Promise<string> =>
  firstValueFrom(
    converse(io, (link) =>
      (function* () {
        return text(yield* link.read(count));
      })(),
    ),
  );
const readUntil = (io: IOStream, end: string): Promise<string> =>
  firstValueFrom(
    converse(io, (link) =>
      (function* () {
        return text(yield* link.readUntil(end, 1024));
      })(),
    ),
  );

const checks: Record<string, () => Promise<void> | void> = {
  'has no global of Node'() {
    for (const name of ['Buffer', 'process', 'require', 'global', 'setImmediate'])
      if (name in globalThis) throw new Error(`${name} is there`);
  },
  async 'emits Uint8Arrays that are no subclass, of whatever view was written'() {
    const [a, b] = memoryPair();
    const io = new IOStream({ wire: a });
    for (const data of ['ä', new Uint16Array([0x6261]), new DataView(Uint8Array.of(99, 100).buffer)]) io.write(data);
    io.end();
    const got = await lastValueFrom(new IOStream({ wire: b }).data$.pipe(toArray()));
    if (got.some((bytes) => bytes.constructor !== Uint8Array)) throw new Error('another class');
    equal(got.map(text).join(''), 'äabcd');
    if (io.inBuf.constructor !== Uint8Array || io.outBuf.constructor !== Uint8Array) throw new Error('another class of buffers');
  },
  async 'connects, sends with backpressure, and reports how it closed'() {
    const [a, b] = memoryPair({ limit: 1000 });
    const far = new IOStream({ wire: b });
    let received = 0;
    far.consume((bytes) => [(received += bytes.length)]).subscribe({ complete: () => far.close() });
    const io = await open({ wire: a });
    const chunks = Array.from({ length: 100 }, () => new Uint8Array(10_000));
    equal(await lastValueFrom(io.send(chunks)), 1_000_000);
    io.end();
    equal((await firstValueFrom(io.closed$)).by, 'us');
    equal(received, 1_000_000);
  },
  async 'runs a handler of connect, and reads a Web stream'() {
    const [a, b] = memoryPair();
    const far = new IOStream({ wire: b });
    far.send(far).subscribe();
    const source = new ReadableStream<string>({
      start(controller) {
        for (const chunk of ['one ', 'two ', 'three']) controller.enqueue(chunk);
        controller.close();
      },
    });
    const echo$ = connect({ wire: a }, (io) => {
      io.send(source).subscribe({ complete: () => io.end() });
      return io.data$;
    });
    equal(await all(echo$), 'one two three');
  },
  async 'reports misuse as in Node'() {
    const problem = (options: object): string => {
      try {
        new IOStream(options);
      } catch (error) {
        return String(error);
      }
      return 'none';
    };
    equal(problem({}), 'TypeError: usage: new IOStream({ wire, cb?, waitFor?, plugin?, … }): expected `wire`, got none');
    if (!/unknown option `path`|`path`/.test(problem({ wire: memoryPair()[0], path: '/x' }))) throw new Error('path is no option');
    const error = new IOStreamError('EPROTOCOL', { phase: 'read' });
    if (!(error instanceof codecs.IOStreamError)) throw new Error('two classes of errors');
  },
  async 'converses in mid-stream'() {
    const [a, b] = memoryPair();
    const [io, far] = [new IOStream({ wire: a }), new IOStream({ wire: b })];
    far.write('220 hello\r\nrest');
    equal(await readUntil(io, '\r\n'), '220 hello\r\n');
    equal(await read(io, 4), 'rest');
  },
  async 'matches replies to requests over frames'() {
    const [a, b] = memoryPair({ cut: 1 });
    const far = framed(new IOStream({ wire: b }), ndjson<{ id: number; n: number }>({ maxLength: 100 }));
    far.messages$.subscribe(({ id, n }) => far.write({ id, n: n * 2 }));
    const calls = requests(framed(new IOStream({ wire: a }), ndjson<{ id: number; n: number }>({ maxLength: 100 })), {
      match: ({ id }) => id,
    });
    const replies = await Promise.all([1, 2, 3].map((n) => firstValueFrom(calls.request({ id: n, n }))));
    equal(
      replies.map(({ n }) => n),
      [2, 4, 6],
    );
  },
  async 'reconnects, and keeps writes between connections'() {
    let dials = 0;
    const messages: string[] = [];
    const feed = persistent(
      () => {
        dials += 1;
        const [a, b] = memoryPair();
        const far = new IOStream({ wire: b });
        far.errors$.subscribe();
        framed(far, lines({ maxLength: 80 })).messages$.subscribe({
          next: (line) => {
            messages.push(line);
            far.reset();
          },
          error: () => {},
        });
        return { wire: a };
      },
      { initial: 1, max: 5 },
    );
    const { write } = framed(feed, lines({ maxLength: 80 }));
    const connected = (times: number): Promise<unknown> =>
      new Promise((resolve) => feed.status$.subscribe(({ state }) => state === 'connected' && dials === times && resolve(0)));
    write('first');
    await connected(2);
    write('second');
    await connected(3);
    feed.close();
    equal(messages, ['first', 'second']);
  },
  async 'relays both directions'() {
    const [[a, b], [c, d]] = [memoryPair(), memoryPair()];
    const [left, right] = [new IOStream({ wire: a, allowHalfOpen: true }), new IOStream({ wire: d, allowHalfOpen: true })];
    const relayed = lastValueFrom(relay(new IOStream({ wire: b, allowHalfOpen: true }), new IOStream({ wire: c, allowHalfOpen: true })));
    left.end('to the right');
    right.end('to the left');
    equal(await Promise.all([all(left.data$), all(right.data$)]), ['to the left', 'to the right']);
    equal(await relayed, { aToB: 12, bToA: 11 });
  },
  async 'carries two streams over one connection'() {
    const [a, b] = memoryPair();
    mux(new IOStream({ wire: b }), { role: 'server' }, (stream) => stream.send(stream));
    const link = mux(new IOStream({ wire: a }), { role: 'client' });
    const echoes = ['one', 'two'].map((word) => {
      const stream = new IOStream({ wire: link.wire() });
      stream.end(word);
      return all(stream.data$);
    });
    equal(await Promise.all(echoes), ['one', 'two']);
    link.close();
    equal(await firstValueFrom(link.closed$), { by: 'us', dialled: 2, accepted: 0 });
  },
  async 'carries a stream over a MessagePort'() {
    const over = (port: InstanceType<typeof MessagePort>): Wire => {
      port.start();
      return overMessages({
        send: (message) => port.postMessage(message, [message.buffer]),
        messages$: fromEvent<MessageEvent>(port, 'message').pipe(map(({ data }) => data as Uint8Array)),
        close: () => port.close(),
      });
    };
    const { port1, port2 } = new MessageChannel();
    const echoed = lastValueFrom(connect({ wire: over(port2) }, (far) => far.send(far)));
    const io = new IOStream({ wire: over(port1) });
    const sent = 'over a port'.repeat(100_000);
    io.end(sent);
    equal((await all(io.data$)) === sent, true);
    equal(await echoed, sent.length);
  },
  async 'passes a SOCKS5 proxy over a wire'() {
    const proxy = proxyOf(async (far) => {
      equal(await read(far, 4), '\x05\x02\x00\x02');
      far.write(Uint8Array.of(5, 2));
      equal(await read(far, 9), '\x01\x02me\x04word');
      far.write(Uint8Array.of(1, 0));
      equal(await read(far, 18), '\x05\x01\x00\x03\x0btarget.test\x00\x50');
      far.write(Uint8Array.of(5, 0, 0, 1, 10, 0, 0, 1, 31, 144));
    });
    const plugin = { proxy: socks5({ host: 'proxy.test', port: 1080, user: 'me', pass: 'word' }) };
    const io = await open({ wire: proxy.wire, host: 'target.test', port: 80, plugin });
    equal([proxy.dialled, io.details.proxy.boundAddress], [[{ host: 'proxy.test', port: 1080 }], '10.0.0.1']);
    io.end('through');
    equal(await all(io.data$), 'through');
  },
  async 'passes an HTTP proxy over a wire, and reports a refusal'() {
    let answer = 'HTTP/1.1 200 OK\r\n\r\n';
    const proxy = proxyOf(async (far) => {
      equal((await readUntil(far, '\r\n\r\n')).split('\r\n')[0], 'CONNECT xn--bcher-kva.test:80 HTTP/1.1');
      far.write(answer);
    });
    const options = { wire: proxy.wire, host: 'bücher.test', port: 80, plugin: { proxy: httpProxy('http://me:word@proxy.test:3128') } };
    const io = await open(options);
    equal(proxy.dialled, [{ host: 'proxy.test', port: 3128 }]);
    io.end('through');
    equal(await all(io.data$), 'through');
    answer = 'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n';
    const { code } = await open(options).then(
      () => ({ code: 'none' }),
      (error: unknown) => error as IOStreamError,
    );
    equal(code, EPROXYAUTH);
  },
  async 'resolves no names: says what to do'() {
    const plugin = { proxy: socks5({ host: 'proxy.test', port: 1080, resolve: 'local' }) };
    const { wire } = proxyOf(async (far) => {
      await read(far, 3);
      far.write(Uint8Array.of(5, 0));
    });
    const { message } = await open({ wire, host: 'target.test', port: 80, plugin }).then(
      () => new Error('none'),
      (error: unknown) => error as Error,
    );
    if (!message.includes('pass `lookup`')) throw new Error(message);
  },
  async 'encrypts with rc4, and its own plugins stack'() {
    const [a, b] = memoryPair({ cut: 0.5 });
    const flip = (): ((bytes: Uint8Array) => Uint8Array) => (bytes) => bytes.map((byte) => byte ^ 0xff);
    const flipped: Plugin = (wire) => (dial) => (flow$) => flow$.pipe(mapBytes(flip), wire(dial), mapBytes(flip));
    const hello = handshake({
      *talk(link) {
        link.send('HELLO\n');
        yield* link.readUntil('\n', 80);
      },
    });
    const log: string[] = [];
    const plugin = (): Record<string, Plugin> => ({ hello, rc4: rc4('Key'), flipped, trace: trace({ sink: (entry) => log.push(entry) }) });
    const [io, far] = [new IOStream({ wire: a, plugin: plugin() }), new IOStream({ wire: b, plugin: plugin() })];
    io.end('secret');
    equal(await all(far.data$), 'secret');
    if (!log.some((entry) => entry.includes('00000000'))) throw new Error('no dump');
  },
  async throttles() {
    const [a, b] = memoryPair();
    new IOStream({ wire: a, plugin: { slow: throttleBytes({ rate: 20_000, burst: 100, direction: 'down' }) } }).end(new Uint8Array(1100));
    const start = performance.now();
    equal((await all(new IOStream({ wire: b }).data$)).length, 1100);
    if (performance.now() - start < 40) throw new Error('too fast');
  },
  async 'times out'() {
    const [wire] = memoryPair(); // Its other end never answers.
    const talk = handshake({
      *talk(link) {
        yield* link.read(1);
      },
    });
    const { code } = await open({ wire, plugin: { talk }, timeouts: { handshake: 20, establish: 40 } }).then(
      () => ({ code: 'none' }),
      (error: unknown) => error as IOStreamError,
    );
    if (!code.startsWith('ETO')) throw new Error(code);
  },
  async 'ends by an AbortSignal'() {
    const [a] = memoryPair();
    const aborting = new AbortController();
    const io = new IOStream({ wire: a, signal: aborting.signal });
    const ended = lastValueFrom(concat(io.data$)).then(
      () => 'complete',
      (error: unknown) => (error as Error).name,
    );
    aborting.abort();
    equal(await ended, 'AbortError');
  },
  'plays byte marbles'() {
    marbles({
      plugin: rc4('Key'),
      diagram: `app: --p-
                to wire: --x-
                wire: -C---
                to app: -C---`,
      values: { p: 'Plaintext', x: '0xbb f3 16 e8 d9 40 af 0a d3' },
    });
  },
  async 'checks codecs'() {
    (await checkCodec(lines({ maxLength: 20 }), ['one', '', 'zwölf'], { tooLong: 'x'.repeat(21) })).assert();
    (await checkCodec(netstrings({ maxLength: 20 }), [Uint8Array.of(1, 2)])).assert();
    (await checkCodec(lengthPrefixed({ maxLength: 20 }), [Uint8Array.of(1, 2)])).assert();
  },
  async 'checks plugins'() {
    (await checkPlugin(rc4('Key'), rc4('Key'), { single: 20, random: 5 })).assert();
    const steps = [
      { expect: '\x05\x01\x00' },
      { send: Uint8Array.of(5, 0) },
      { expect: 18 },
      { send: Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0) },
    ];
    const options = { to: { host: 'target.test', port: 7 }, single: 20, random: 5 };
    (await checkPlugin(socks5({ host: '127.0.0.1', port: 1080 }), steps, options)).assert();
  },
  async 'checks wires'() {
    const made = (): ReturnType<Parameters<typeof checkWire>[0]> => {
      const [wire, other] = memoryPair();
      return { wire: stack({}, wire), dial: testDial(), peer: () => wirePeer(other, testDial()) };
    };
    (await checkWire(made, { singleUse: true, timeout: 10_000 })).assert();
  },
};

/** The result of one check. */
export interface CheckResult {
  readonly name: string;
  /** What went wrong. */
  readonly problem?: string;
}

/** Runs all checks but those named, one after the other. */
export async function runChecks(skipped: readonly string[] = []): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const [name, check] of Object.entries(checks)) {
    if (skipped.includes(name)) continue;
    const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error('no end after 60 s')), 60_000));
    const problem = await Promise.race([Promise.resolve().then(check), late]).then(
      () => undefined,
      (error: unknown) => (error as Error).stack ?? String(error),
    );
    results.push(problem === undefined ? { name } : { name, problem });
  }
  return results;
}
