import { connect as dial, type AddressInfo, type Socket } from 'node:net';
import { concat, firstValueFrom, from, lastValueFrom, map, merge, mergeMap, NEVER, of, switchMap, timer, type Observable } from 'rxjs';
import { describe, expect } from 'vitest';
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
import { spec } from '../support/spec.ts';
import { deadPort } from '../support/loopback.ts';
import { resetAtEnd, pattern, serve, turns, unhandled } from './tools.ts';

const host = '127.0.0.1';
const codec = lines({ maxLength: 20 });

/** A way in which a stream fails. */
interface Kind {
  readonly codes: readonly string[];
  /** The action of the peer after it has accepted. Without it the connection is refused. */
  readonly peer?: (socket: Socket, abort: AbortController) => unknown;
  readonly options?: (abort: AbortController) => Partial<IOStreamOptions>;
}

const reset = async (socket: Socket): Promise<void> => {
  await turns(5);
  socket.resetAndDestroy();
};

const KINDS = {
  'a reset while it is idle': { codes: ['ECONNRESET'], peer: reset },
  'a reset after bytes': {
    codes: ['ECONNRESET'],
    peer: async (socket) => {
      socket.write('line\n');
      await reset(socket);
    },
  },
  'a refused connection': { codes: ['ECONNREFUSED'] },
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
  'a reset after EOF with bytes pending': {
    codes: ['ECONNRESET', 'EPIPE'],
    peer: async (socket) => {
      socket.pause().end();
      await reset(socket);
    },
    options: () => ({ outBuf: pattern(8_000_000) }),
  },
  'bytes that a codec cannot decode': { codes: ['EFRAMELIMIT', 'EPROTOCOL'], peer: (socket) => socket.write('x'.repeat(50)) },
} as const satisfies Record<string, Kind>;
type KindName = keyof typeof KINDS;

type Note = (error: unknown) => void;

/** Handles an error of a stream: calls `note` with it. */
type Handle = (io: IOStream, note: Note, h: Harness) => unknown;

const ended = (note: Note): { error: Note } => ({ error: note });

const SENDERS: Record<string, Handle> = {
  send: (io, note) => io.send(concat(of('part'), NEVER)).subscribe(ended(note)),
  'send as a Promise': (io, note) => lastValueFrom(io.send(concat(of('part'), NEVER))).catch(note),
  'a send behind another': (io, note) => {
    io.send(concat(of('part'), NEVER)).subscribe({ error: () => {} });
    io.send(['second']).subscribe(ended(note));
  },
};

const READERS: Record<string, Handle> = {
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

const MESSAGE_READERS: Record<string, Handle> = {
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

const CONVERSATIONS: Record<string, Handle> = {
  converse: (io, note) => converse(io, (link) => link.readUntil('never', 10_000)).subscribe(ended(note)),
};

const RELAYS: Record<string, Handle> = {
  relay: (io, note, h) => {
    const [near, far] = memoryPair();
    const [other] = resetAtEnd(h, new IOStream({ wire: near, cb: () => {} }), new IOStream({ wire: far, cb: () => {} }));
    relay(io, other).subscribe(ended(note));
  },
};

const OBSERVERS: Record<string, Handle> = {
  errors$: (io, note) => io.errors$.subscribe(note),
  cb: (io, note) => (io.cb = (_, __, error) => error && note(error)),
  'cb as an object': (io, note) => (io.cb = { IO: (_: unknown, __: unknown, error?: unknown) => error && note(error) } as never),
};

const CLOSES: Record<string, Handle> = {
  closed$: (io, note) => io.closed$.subscribe(({ error }) => note(error)),
  'closed$ as a Promise': async (io, note) => note((await firstValueFrom(io.closed$)).error),
};

/** The last IOStreamError among the causes: the error of a Duplex itself has the code of Node's sockets. */
const rootOf = (error: unknown): unknown => {
  const { cause } = error as { readonly cause?: unknown };
  return cause instanceof IOStreamError ? rootOf(cause) : error;
};

const DUPLEXES: Record<string, Handle> = {
  "'error' of the Duplex": (io, note) => {
    const duplex = toDuplex(io)
      .on('error', (error) => note(rootOf(error)))
      .resume();
    duplex.write('part');
  },
};

const code = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code ?? error;

/** Options of a stream that fails in one of these ways. */
async function failing(h: Harness, kind: Kind): Promise<IOStreamOptions> {
  const abort = new AbortController();
  const { peer } = kind;
  const port = peer ? await serve(h, (socket) => peer(socket, abort)) : await deadPort();
  return { host, port, ...kind.options?.(abort) };
}

/** Opens a stream that fails, and asserts that `note` is called once with its error, and that no error is unhandled. */
async function assertDelivered(h: Harness, kind: Kind, make: (options: IOStreamOptions, note: Note, h: Harness) => unknown): Promise<void> {
  const reported = unhandled(h);
  const noted: unknown[] = [];
  await make(await failing(h, kind), (error) => noted.push(error), h);
  await h.until(() => noted.length > 0, 'the error is delivered');
  await turns(20);
  expect([noted.length, reported]).toStrictEqual([1, []]);
  expect(kind.codes.includes(String(code(noted[0]))), String(code(noted[0]))).toBe(true);
}

/** All combinations of ways to fail and ways to handle. */
const combinationsOf = (kinds: readonly KindName[], handles: Record<string, Handle>): { kind: KindName; name: string; handle: Handle }[] =>
  kinds.flatMap((kind) => Object.entries(handles).map(([name, handle]) => ({ kind, name, handle })));

const ALWAYS: readonly KindName[] = [
  'a reset while it is idle',
  'a reset after bytes',
  'a refused connection',
  'a reset in a handshake',
  'an idle timeout',
];
const PENDING: KindName = 'a reset after EOF with bytes pending';

describe('an error of a stream', () => {
  spec.each([
    ...combinationsOf([...ALWAYS, 'an abort'], { ...SENDERS, ...READERS, ...MESSAGE_READERS, ...CONVERSATIONS, ...RELAYS, ...CLOSES }),
    ...combinationsOf(ALWAYS, { ...OBSERVERS, ...DUPLEXES }),
    ...combinationsOf([PENDING], { ...SENDERS, ...RELAYS, ...CLOSES, ...OBSERVERS, ...DUPLEXES }),
    ...combinationsOf(['bytes that a codec cannot decode'], MESSAGE_READERS),
  ])('is handled by $name: $kind', (h, { kind, handle }) =>
    assertDelivered(h, KINDS[kind], (options, note) => {
      const io: IOStream = new IOStream(options);
      h.defer(() => io.reset());
      handle(io, note, h);
    }),
  );

  /** Ways to use a stream that handle no error. */
  const NO_HANDLERS: Record<string, Handle> = {
    'no subscriber': () => undefined,
    'subscribers of events$, eof$ and blocked$': (io) => merge(io.events$, io.eof$, io.output.blocked$).subscribe(),
    'subscribers that have unsubscribed': (io) => merge(io.data$, io.errors$, io.closed$, io.send(NEVER)).subscribe().unsubscribe(),
    'messages and requests without a subscriber': (io) => requests(framed(io, codec), { match: () => undefined }),
  };

  spec.each(combinationsOf([...ALWAYS, PENDING], NO_HANDLERS))('is reported once with $name: $kind', async (h, { kind, handle }) => {
    const reported = unhandled(h);
    const io: IOStream = new IOStream(await failing(h, KINDS[kind]));
    h.defer(() => io.reset());
    handle(io, () => {}, h);
    await h.until(() => reported.length > 0, 'the report');
    await turns(20);
    expect(reported.length).toBe(1);
    expect((KINDS[kind].codes as readonly unknown[]).includes(code(reported[0]))).toBe(true);
    // The error is reported already: later calls receive it, but report nothing.
    const isWhole = kind === PENDING;
    expect((await h.observed(io.data$).ended).error).toBe(isWhole ? undefined : reported[0]);
    const refused = (await h.observed(io.send(['x'])).ended).error;
    expect([code(refused), (refused as Error).cause]).toStrictEqual(['ECLOSED', reported[0]]);
    expect(reported.length).toBe(1);
  });

  spec('is reported once when it follows the completion of `data$` at EOF', async (h) => {
    const reported = unhandled(h);
    const io: IOStream = new IOStream(await failing(h, KINDS[PENDING]));
    h.defer(() => io.reset());
    expect((await h.observed(io.data$).ended).state).toBe('complete');
    await h.until(() => reported.length > 0, 'the report');
    await turns(20);
    expect(reported.length).toBe(1);
  });

  spec('is not reported without a handler if it is an abort', async (h) => {
    const reported = unhandled(h);
    const io: IOStream = new IOStream(await failing(h, KINDS['an abort']));
    await h.until(() => io.state === 'closing' || io.state === 'closed');
    io.reset();
    await turns(20);
    expect(reported).toStrictEqual([]);
  });

  /** Ways to open a stream that deliver its error themselves. */
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

  spec.each([...ALWAYS, 'an abort' as const].flatMap((kind) => Object.entries(MAKERS).map(([name, make]) => ({ kind, name, make }))))(
    'is handled by $name: $kind',
    (h, { kind, make }) => assertDelivered(h, KINDS[kind], make),
  );

  spec.each(Object.keys(MAKERS).filter((name) => !/data\$|that reads/.test(name)))(
    'is handled by %s: a reset after EOF with bytes pending',
    (h, name) => assertDelivered(h, KINDS[PENDING], MAKERS[name]!),
  );

  /** Ways to use a stream of `open` after its error. */
  const LATER = { send: SENDERS.send!, ...READERS, ...MESSAGE_READERS, ...CONVERSATIONS, ...RELAYS, ...CLOSES, ...DUPLEXES };

  spec.each(combinationsOf(['a reset while it is idle', 'a reset after bytes', 'an idle timeout'], LATER))(
    'is handled by a later $name of a stream of `open`: $kind',
    (h, { kind, handle }) =>
      assertDelivered(h, KINDS[kind], async (options, note) => {
        const io = await open(options);
        h.defer(() => io.reset());
        await h.until(() => io.state === 'closed', 'the error');
        await turns(20);
        handle(io, note, h);
      }),
  );

  spec.each(['a refused connection', 'a reset in a handshake'] as const)('rejects `open`: %s', (h, kind) =>
    assertDelivered(h, KINDS[kind], (options, note) => open(options).catch(note)),
  );

  /** Handlers of a server that do not handle the error of their stream. */
  const HANDLERS: Record<string, (io: IOStream) => Observable<unknown>> = {
    'does not read': () => NEVER,
    'reads data$': (io) => io.data$,
    consumes: (io) => io.consume(() => of(1)),
    sends: (io) => io.send(concat(of('part'), NEVER)),
  };

  spec.each(
    (['a reset while it is idle', 'a reset after bytes', 'an idle timeout', 'a reset in a handshake'] as const).flatMap((kind) =>
      Object.entries(HANDLERS).map(([name, handler]) => ({ kind, name, handler })),
    ),
  )('is emitted by `server.errors$` when the handler $name: $kind', (h, { kind, handler }) =>
    assertEmittedByServer(h, KINDS[kind], handler),
  );

  spec.each(['a reset while it is idle', 'an idle timeout'] as const)(
    'is emitted by `server.errors$` for a stream of `connections$`: %s',
    (h, kind) => assertEmittedByServer(h, KINDS[kind], undefined),
  );
});

const subscribed = (source$: Observable<unknown>, note: Note): (() => void) => {
  const subscription = source$.subscribe(ended(note));
  return () => subscription.unsubscribe();
};

/** Accepts a stream that fails by its client, and asserts that `server.errors$` emits its error once. */
function assertEmittedByServer(h: Harness, kind: Kind, handler: ((io: IOStream) => Observable<unknown>) | undefined): Promise<void> {
  return assertDelivered(h, kind, async (_, note) => {
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
