import { connect as dial, type AddressInfo, type Socket } from 'node:net';
import { concat, firstValueFrom, from, lastValueFrom, map, merge, mergeMap, NEVER, of, switchMap, timer, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import {
  connect,
  converse,
  framed,
  handshake,
  IOStream,
  IOStreamError,
  lines,
  listen,
  open,
  relay,
  requests,
  toDuplex,
  type IOStreamOptions,
  type ListenOptions,
} from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import type { Harness } from '../support/harness.ts';
import { invariants } from '../support/invariants.ts';
import { spec } from '../support/spec.ts';
import { deadPort } from '../support/loopback.ts';
import { owned, pattern, serve, turns, unhandled } from './tools.ts';

const host = '127.0.0.1';
const codec = lines({ maxLength: 20 });

/** A way to fail. */
interface Kind {
  readonly codes: readonly string[];
  /** What the peer does once it is there; none at all: the dial is refused. */
  readonly peer?: (socket: Socket, abort: AbortController) => unknown;
  readonly options?: (abort: AbortController) => Partial<IOStreamOptions>;
}

const reset = async (socket: Socket): Promise<void> => {
  await turns(5);
  socket.resetAndDestroy();
};

const KINDS = {
  'a reset while it is idle': { codes: ['ECONNRESET'], peer: reset },
  'a reset behind bytes': {
    codes: ['ECONNRESET'],
    peer: async (socket) => {
      socket.write('line\n');
      await reset(socket);
    },
  },
  'a refused dial': { codes: ['ECONNREFUSED'] },
  'a reset in a handshake': {
    codes: ['ECONNRESET'],
    peer: reset,
    options: () => ({
      plugin: {
        slow: handshake({
          *talk(link) {
            yield* link.read(1);
          },
        }),
      },
    }),
  },
  'an idle timeout': { codes: ['ETOIDLE'], peer: () => undefined, options: () => ({ timeouts: { idle: 15 } }) },
  'an abort': {
    codes: ['ABORT_ERR'],
    peer: async (_, abort) => {
      await turns(5);
      abort.abort();
    },
    options: ({ signal }) => ({ signal }),
  },
  'a reset behind EOF with bytes pending': {
    codes: ['ECONNRESET', 'EPIPE'],
    peer: async (socket) => {
      socket.pause().end();
      await reset(socket);
    },
    options: () => ({ outBuf: pattern(8_000_000) }),
  },
  'what a codec cannot decode': { codes: ['EFRAMELIMIT', 'EPROTOCOL'], peer: (socket) => socket.write('x'.repeat(50)) },
} as const satisfies Record<string, Kind>;
type KindName = keyof typeof KINDS;

type Note = (error: unknown) => void;

/** Where an error of a stream can arrive. */
type Place = (io: IOStream, note: Note, h: Harness) => unknown;

const ended = (note: Note): { error: Note } => ({ error: note });

const SENDERS: Record<string, Place> = {
  send: (io, note) => io.send(concat(of('part'), NEVER)).subscribe(ended(note)),
  'send as a Promise': (io, note) => lastValueFrom(io.send(concat(of('part'), NEVER))).catch(note),
  'a send behind another': (io, note) => {
    io.send(concat(of('part'), NEVER)).subscribe({ error: () => {} });
    io.send(['second']).subscribe(ended(note));
  },
};

const READERS: Record<string, Place> = {
  data$: (io, note) => io.data$.subscribe(ended(note)),
  'data$ through operators': (io, note) =>
    io.data$
      .pipe(
        map((each) => each.toString()),
        mergeMap((each) => of(each)),
      )
      .subscribe(ended(note)),
  'from(io)': (io, note) => from(io as unknown as Observable<Buffer>).subscribe(ended(note)),
  consume: (io, note) => io.consume(() => of(1)).subscribe(ended(note)),
  'consume with a chunk in progress': (io, note) => io.consume(() => timer(5)).subscribe(ended(note)),
  'for await': async (io, note) => {
    try {
      for await (const bytes of io) expect(bytes.length).toBeGreaterThan(0);
    } catch (error) {
      note(error);
    }
  },
  'for await in its body': async (io, note) => {
    try {
      for await (const bytes of io) await firstValueFrom(timer(bytes.length));
    } catch (error) {
      note(error);
    }
  },
};

const MESSAGE_READERS: Record<string, Place> = {
  messages$: (io, note) => framed(io, codec).messages$.subscribe(ended(note)),
  'consume of messages': (io, note) =>
    framed(io, codec)
      .consume(() => of(1))
      .subscribe(ended(note)),
  request: (io, note) =>
    requests(framed(io, codec), { match: (line) => (line === 'line' ? undefined : line) })
      .request('no reply')
      .subscribe(ended(note)),
  unmatched$: (io, note) => requests(framed(io, codec), { match: () => undefined }).unmatched$.subscribe(ended(note)),
};

const CONVERSATIONS: Record<string, Place> = {
  converse: (io, note) => converse(io, (link) => link.readUntil('never', 10_000)).subscribe(ended(note)),
};

const RELAYS: Record<string, Place> = {
  relay: (io, note, h) => {
    const [near, far] = memoryPair();
    const [other] = owned(h, new IOStream({ wire: near, cb: () => {} }), new IOStream({ wire: far, cb: () => {} }));
    relay(io, other).subscribe(ended(note));
  },
};

const OBSERVERS: Record<string, Place> = {
  errors$: (io, note) => io.errors$.subscribe(note),
  cb: (io, note) => (io.cb = (_, __, error) => error && note(error)),
  'cb as an object': (io, note) => (io.cb = { IO: (_: unknown, __: unknown, error?: unknown) => error && note(error) } as never),
};

const CLOSES: Record<string, Place> = {
  closed$: (io, note) => io.closed$.subscribe(({ error }) => note(error)),
  'closed$ as a Promise': async (io, note) => note((await firstValueFrom(io.closed$)).error),
};

/** A Duplex has the codes of Node's sockets; ours are in the causes. */
const rootOf = (error: unknown): unknown => {
  const { cause } = error as { readonly cause?: unknown };
  return cause instanceof IOStreamError ? rootOf(cause) : error;
};

const DUPLEXES: Record<string, Place> = {
  "'error' of the Duplex": (io, note) => {
    const duplex = toDuplex(io)
      .on('error', (error) => note(rootOf(error)))
      .resume();
    duplex.write('part');
  },
};

const code = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code ?? error;

/** Options of a stream to a peer that fails in that way. */
async function failing(h: Harness, kind: Kind): Promise<IOStreamOptions> {
  const abort = new AbortController();
  const { peer } = kind;
  const port = peer ? await serve(h, (socket) => peer(socket, abort)) : await deadPort();
  return { host, port, ...kind.options?.(abort) };
}

/** Lets the error come to one place of a stream: nothing else may be reported. */
function delivers(kind: Kind, make: (options: IOStreamOptions, note: Note, h: Harness) => unknown): () => Promise<void> {
  return invariants(async (h) => {
    const reported = unhandled(h);
    const noted: unknown[] = [];
    await make(await failing(h, kind), (error) => noted.push(error), h);
    await h.until(() => noted.length > 0, 'the error is delivered');
    await turns(20);
    expect([noted.length, reported]).toStrictEqual([1, []]);
    expect(kind.codes.includes(String(code(noted[0]))), String(code(noted[0]))).toBe(true);
  });
}

const cells = (kinds: readonly KindName[], places: Record<string, Place>): { kind: KindName; name: string; place: Place }[] =>
  kinds.flatMap((kind) => Object.entries(places).map(([name, place]) => ({ kind, name, place })));

const ALWAYS: readonly KindName[] = [
  'a reset while it is idle',
  'a reset behind bytes',
  'a refused dial',
  'a reset in a handshake',
  'an idle timeout',
];
const PENDING: KindName = 'a reset behind EOF with bytes pending';

describe('an error of a stream', () => {
  it.each([
    ...cells([...ALWAYS, 'an abort'], { ...SENDERS, ...READERS, ...MESSAGE_READERS, ...CONVERSATIONS, ...RELAYS, ...CLOSES }),
    ...cells(ALWAYS, { ...OBSERVERS, ...DUPLEXES }),
    ...cells([PENDING], { ...SENDERS, ...RELAYS, ...CLOSES, ...OBSERVERS, ...DUPLEXES }),
    ...cells(['what a codec cannot decode'], MESSAGE_READERS),
  ])('that is $kind is handled by $name', async ({ kind, place }) => {
    await delivers(KINDS[kind], (options, note, h) => {
      const io: IOStream = new IOStream(options);
      h.defer(() => io.reset());
      place(io, note, h);
    })();
  });

  /** What handles no error, though it is there. */
  const NO_HANDLERS: Record<string, Place> = {
    nothing: () => undefined,
    'events$, eof$ and blocked$': (io) => merge(io.events$, io.eof$, io.output.blocked$).subscribe(),
    'subscribers that have left': (io) => merge(io.data$, io.errors$, io.closed$, io.send(NEVER)).subscribe().unsubscribe(),
    'a framed and requests without a request': (io) => requests(framed(io, codec), { match: () => undefined }),
  };

  spec.each(cells([...ALWAYS, PENDING], NO_HANDLERS))('that is $kind is reported once when there is $name', async (h, { kind, place }) => {
    const reported = unhandled(h);
    const io: IOStream = new IOStream(await failing(h, KINDS[kind]));
    h.defer(() => io.reset());
    place(io, () => {}, h);
    await h.until(() => reported.length > 0, 'the report');
    await turns(20);
    expect(reported.length).toBe(1);
    expect((KINDS[kind].codes as readonly unknown[]).includes(code(reported[0]))).toBe(true);
    // Reported already: what is asked later gets the end, and reports nothing.
    const isWhole = kind === PENDING;
    expect((await h.observed(io.data$).ended).error).toBe(isWhole ? undefined : reported[0]);
    const refused = (await h.observed(io.send(['x'])).ended).error;
    expect([code(refused), (refused as Error).cause]).toStrictEqual(['ECLOSED', reported[0]]);
    expect(reported.length).toBe(1);
  });

  spec('that comes after data$ has completed at EOF is reported once', async (h) => {
    const reported = unhandled(h);
    const io: IOStream = new IOStream(await failing(h, KINDS[PENDING]));
    h.defer(() => io.reset());
    expect((await h.observed(io.data$).ended).state).toBe('complete');
    await h.until(() => reported.length > 0, 'the report');
    await turns(20);
    expect(reported.length).toBe(1);
  });

  spec('that is an abort is reported nowhere when there is no handler', async (h) => {
    const reported = unhandled(h);
    const io: IOStream = new IOStream(await failing(h, KINDS['an abort']));
    await h.until(() => io.state === 'closing' || io.state === 'closed');
    io.reset();
    await turns(20);
    expect(reported).toStrictEqual([]);
  });

  /** Ways to make a stream that deliver its error themselves. */
  const MAKERS: Record<string, (options: IOStreamOptions, note: Note, h: Harness) => unknown> = {
    connect: (options, note, h) => h.defer(subscribed(connect(options), note)),
    'connect with readers beside': (options, note, h) =>
      h.defer(
        subscribed(
          connect(options).pipe(
            mergeMap((io) => {
              // eslint-disable-next-line rxjs-x/no-subscribe-in-pipe -- a reader that is no part of the pipeline
              io.data$.subscribe({ error: () => {} });
              return NEVER;
            }),
          ),
          note,
        ),
      ),
    'connect, then data$': (options, note, h) => h.defer(subscribed(connect(options).pipe(switchMap((io) => io.data$)), note)),
    'connect with a handler that reads': (options, note, h) =>
      h.defer(
        subscribed(
          connect(options, (io) => io.data$),
          note,
        ),
      ),
    'connect with a handler that does not': (options, note, h) =>
      h.defer(
        subscribed(
          connect(options, () => NEVER),
          note,
        ),
      ),
  };

  it.each([...ALWAYS, 'an abort' as const].flatMap((kind) => Object.entries(MAKERS).map(([name, make]) => ({ kind, name, make }))))(
    'that is $kind is handled by $name',
    async ({ kind, make }) => {
      await delivers(KINDS[kind], make)();
    },
  );

  it.each(Object.keys(MAKERS).filter((name) => !/data\$|that reads/.test(name)))(
    'that is a reset behind EOF with bytes pending is handled by %s',
    async (name) => {
      await delivers(KINDS[PENDING], MAKERS[name]!)();
    },
  );

  /** What is done with a stream of `open` after its error. */
  const LATER = { send: SENDERS.send!, ...READERS, ...MESSAGE_READERS, ...CONVERSATIONS, ...RELAYS, ...CLOSES, ...DUPLEXES };

  it.each(
    (['a reset while it is idle', 'a reset behind bytes', 'an idle timeout'] as const).flatMap((kind) =>
      Object.entries(LATER).map(([name, place]) => ({ kind, name, place })),
    ),
  )('of open that is $kind is handled by a later $name', async ({ kind, place }) => {
    await delivers(KINDS[kind], async (options, note, h) => {
      const io = await open(options);
      h.defer(() => io.reset());
      await h.until(() => io.state === 'closed', 'the error');
      await turns(20);
      place(io, note, h);
    })();
  });

  it.each(['a refused dial', 'a reset in a handshake'] as const)('that is %s rejects open', async (kind) => {
    await delivers(KINDS[kind], (options, note) => open(options).catch(note))();
  });

  /** Handlers of a server that leave the error of their stream to it. */
  const HANDLERS: Record<string, (io: IOStream) => Observable<unknown>> = {
    'does not read': () => NEVER,
    'reads data$': (io) => io.data$,
    consumes: (io) => io.consume(() => of(1)),
    sends: (io) => io.send(concat(of('part'), NEVER)),
  };

  it.each(
    (['a reset while it is idle', 'a reset behind bytes', 'an idle timeout', 'a reset in a handshake'] as const).flatMap((kind) =>
      Object.entries(HANDLERS).map(([name, handler]) => ({ kind, name, handler })),
    ),
  )('that is $kind is emitted by server.errors$ when the handler $name', async ({ kind, handler }) => {
    await accepted(KINDS[kind], handler)();
  });

  it.each(['a reset while it is idle', 'an idle timeout'] as const)(
    'that is %s is emitted by server.errors$ for a stream of connections$',
    async (kind) => {
      await accepted(KINDS[kind], undefined)();
    },
  );
});

const subscribed = (source$: Observable<unknown>, note: Note): (() => void) => {
  const subscription = source$.subscribe(ended(note));
  return () => subscription.unsubscribe();
};

/** The same for an accepted stream; the client is the peer. */
function accepted(kind: Kind, handler: ((io: IOStream) => Observable<unknown>) | undefined): () => Promise<void> {
  return delivers(kind, async (_, note, h) => {
    const abort = new AbortController();
    const serving = listen({ host, port: 0, ...kind.options?.(abort) } as ListenOptions & { readonly port: number }, handler).subscribe(
      (server) => {
        server.errors$.subscribe(note);
        server.connections$.subscribe();
        const socket = dial((server.address as AddressInfo).port, host, () => void kind.peer?.(socket, abort)).on('error', () => {});
        h.defer(() => socket.destroy());
      },
    );
    h.defer(() => serving.unsubscribe());
  });
}
