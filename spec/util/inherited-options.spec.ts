import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import * as library from 'rxjs-io-stream';
import * as testing from 'rxjs-io-stream/testing';

const codec = library.lines({ maxLength: 80 });
const sink = (): void => {};
const [wire] = testing.memoryPair();
const io = new library.IOStream({ wire });

/** Each function with options: a call that is right with no more than `options`. */
const calls: Record<string, (options: object) => unknown> = {
  IOStream: (options) => new library.IOStream({ wire: testing.memoryPair()[0], ...options }),
  connect: (options) => library.connect({ wire, ...options } as never),
  listen: (options) => library.listen({ port: 0, ...options } as never),
  persistent: (options) => library.persistent(() => ({ wire }), options).close(),
  backoff: library.backoff,
  tcp: library.tcp,
  handshake: (options) => library.handshake({ talk: function* () {}, ...options }),
  httpProxy: (options) => library.httpProxy({ host: 'proxy', port: 1, ...options }),
  socks4: (options) => library.socks4({ host: 'proxy', port: 1, ...options }),
  socks5: (options) => library.socks5({ host: 'proxy', port: 1, ...options }),
  throttleBytes: (options) => library.throttleBytes({ rate: 1, ...options }),
  pcapng: (options) => library.pcapng({ sink, ...options }),
  trace: (options) => library.trace({ sink, ...options }),
  webSocket: (options) => library.webSocket('ws://name.test', options),
  transform: library.transform,
  consume: (options) => io.consume(() => [], options),
  delimited: (options) => library.delimited({ maxLength: 1, delimiter: ';', ...options }),
  lengthPrefixed: (options) => library.lengthPrefixed({ maxLength: 1, ...options }),
  lines: (options) => library.lines({ maxLength: 1, ...options }),
  mapCodec: (options) => library.mapCodec(codec, { decode: (line) => line, encode: (line: string) => line, ...options }),
  ndjson: (options) => library.ndjson({ maxLength: 1, ...options }),
  netstrings: (options) => library.netstrings({ maxLength: 1, ...options }),
  parse: (options) =>
    library.parse(
      function* (link) {
        yield* link.read(1);
      },
      { maxLength: 1, ...options },
    ),
  requests: (options) => library.requests(library.framed(new library.IOStream({ wire: testing.memoryPair()[0] }), codec), options),
  agent: library.agent,
  tlsClient: library.tlsClient,
  tlsServer: (options) => library.tlsServer({ SNICallback: () => {}, ...options }),
  startTls: (options) => library.startTls(io, { servername: 'name.test', ...options }),
  chaos: testing.chaos,
  memoryPair: testing.memoryPair,
  record: (options) => testing.record({ sink, ...options }),
  rechunk: (options) => [...testing.rechunk('ab', options)],
  replay: (options) => testing.replay({ entries: [], cut: false }, options),
  testDial: testing.testDial,
  toMarbles: (options) => testing.toMarbles({ entries: [], cut: false }, options),
  toPcapng: (options) => testing.toPcapng({ entries: [], cut: false }, options),
};

describe('every function with options', () => {
  const prototype = Object.prototype as unknown as Record<string, unknown>;
  afterEach(() => {
    Reflect.deleteProperty(prototype, 'unknownOption');
  });

  it.each(Object.entries(calls))('%s rejects an unknown option and names it', (_name, call) => {
    expect(() => call({})).not.toThrow();
    expect(() => call({ unknownOption: 1 })).toThrow(/^unknown option `unknownOption`/);
  });

  it.each(Object.entries(calls))('%s ignores inherited options', (_name, call) => {
    prototype.unknownOption = 1;
    expect(() => call({})).not.toThrow();
  });

  it.each<[name: string, inherited: Record<string, unknown>, call: (options: object) => unknown]>([
    ['backoff', { factor: -1, random: 5, max: -1, attempts: -1, scheduler: 5, resetAfter: -1 }, library.backoff],
    ['persistent', { unsent: 'x', outBufLimit: -1 }, (options) => library.persistent(() => ({ wire }), options).close()],
    ['throttleBytes', { burst: -1, direction: 'x', shared: 5 }, (options) => library.throttleBytes({ rate: 1, ...options })],
    ['pcapng', { bytes: -1, secrets: 5 }, (options) => library.pcapng({ sink, ...options })],
    ['trace', { bytes: -1 }, (options) => library.trace({ sink, ...options })],
    ['consume', { concurrency: -1 }, (options) => io.consume(() => [], options)],
    ['lines', { delimiter: 'x', bytes: 5, unterminated: 'x', fatal: 5 }, (options) => library.lines({ maxLength: 1, ...options })],
    ['lengthPrefixed', { bytes: 9, endian: 'x', includesHeader: 5 }, (options) => library.lengthPrefixed({ maxLength: 1, ...options })],
    ['requests', { match: 5, timeout: -1, maxPending: -1 }, (options) => calls.requests?.(options)],
    ['memoryPair', { latency: -1, bandwidth: -1, limit: -1, cut: -1 }, testing.memoryPair],
    ['chaos', { cut: -1, drop: -1, delay: -1, reset: -1 }, testing.chaos],
    ['record', { limit: -1 }, (options) => testing.record({ sink, ...options })],
    ['tcp', { lookup: 5, family: 5, localAddress: 5, noDelay: 5, keepAlive: 5 }, library.tcp],
    [
      'IOStreamError',
      { layer: 'x', fatal: false, errno: 1, message: 'x' },
      () => expect(String(new library.IOStreamError('EPROTOCOL', { phase: 'read' }))).not.toContain('x:'),
    ],
  ])('%s reads nothing from Object.prototype', (_name, inherited, call) => {
    Object.assign(prototype, inherited);
    try {
      call({});
    } finally {
      for (const name of Object.keys(inherited)) Reflect.deleteProperty(prototype, name);
    }
  });

  it('an agent copies its plugins at the call', () => {
    const plugins: Record<string, library.Plugin> = {};
    const dialled: string[] = [];
    const made = library.agent({ plugin: plugins });
    plugins.late = (below) => {
      dialled.push('late');
      return below;
    };
    const duplex = (made as unknown as { createConnection(asked: object): Duplex }).createConnection({ host: '127.0.0.1', port: 1 });
    duplex.on('error', () => {}).destroy();
    expect(dialled).toEqual([]);
  });

  it('handshake copies its address at the call', () => {
    const to = { host: 'first.test', port: 1 };
    const dialled: unknown[] = [];
    const below: library.Wire = (dial) => {
      dialled.push({ ...dial.to });
      throw new Error('dialled');
    };
    const knock = library.handshake({ to, talk: function* () {} });
    to.host = 'other.test';
    expect(() => knock(below)(testing.testDial({ to: { host: 'target.test', port: 7 } }))).toThrow('dialled');
    expect(dialled).toEqual([{ host: 'first.test', port: 1 }]);
  });
});
