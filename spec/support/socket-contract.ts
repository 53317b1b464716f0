import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, Socket, type ListenOptions } from 'node:net';
import { asyncScheduler, Subject } from 'rxjs';
import { describe, expect } from 'vitest';
import { testDial } from '../../src/testing/test-dial.ts';
import { END, PAUSE, RESUME, type Dial, type Flow, type Target, type Timeouts, type Up, type Wire } from '../../src/wire/signal.ts';
import { joined } from './assert-same-bytes.ts';
import { type Harness } from './harness.ts';
import type { ObserverSpy } from './observer-spy.ts';
import { data, inWords, sentOf, textOf } from './signal-text.ts';
import { spec } from './spec.ts';

/** What is made of sockets: how to listen for it, and how to dial. */
export interface Site {
  readonly wire: Wire;
  /** A fresh place to listen at. */
  at(): ListenOptions;
  target(address: { readonly port: number } | string): Target;
  /** Whether it has RST: without, a reset looks like a close to the peer. */
  readonly rst: boolean;
}

/** One connection: what goes down, what came up, and the peer's socket. */
export interface Line {
  readonly app: Subject<Flow>;
  readonly seen: ObserverSpy<Up>;
  readonly peer: Socket;
  readonly timeouts: Timeouts;
}

/** Listens at a fresh place until the end of the spec; the peers are half-open, paused and collected. */
export async function listen(h: Harness, site: Site): Promise<{ to: Target; peers: Socket[] }> {
  const peers: Socket[] = [];
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    peers.push(socket);
    h.defer(() => socket.destroy());
  });
  server.listen(site.at());
  await once(server, 'listening');
  h.defer(() => server.close());
  return { to: site.target(server.address() as { port: number } | string), peers };
}

/** Dials a fresh peer and waits until both sides are connected. */
export async function line(h: Harness, site: Site, timeouts: Partial<Timeouts> = {}): Promise<Line> {
  const { to, peers } = await listen(h, site);
  const app = new Subject<Flow>();
  const dial = testDial({ to, timeouts, scheduler: asyncScheduler });
  const seen = h.observed(app.pipe(site.wire(dial)));
  await seen.value(({ kind }) => kind === 'connected');
  await h.until(() => peers.length > 0, 'the peer accepted');
  return { app, seen, peer: peers[0]!, timeouts: dial.timeouts };
}

/** All that a peer reads, how it ended, and what it failed with. */
export function reading(h: Harness, peer: Socket): { readonly bytes: Buffer; ended: boolean; closed: boolean; error: string | undefined } {
  const chunks: Buffer[] = [];
  const got = {
    get bytes() {
      return joined(chunks);
    },
    ended: false,
    closed: false,
    error: undefined as string | undefined,
  };
  peer.on(
    'data',
    h.peer((chunk: Buffer) => chunks.push(chunk)),
  );
  peer.on('end', () => (got.ended = true));
  peer.on('close', () => (got.closed = true));
  peer.on('error', (error: NodeJS.ErrnoException) => (got.error = error.code));
  peer.resume();
  return got;
}

const has = (seen: ObserverSpy<Up>, kind: Up['kind']): boolean => seen.values.some((signal) => signal.kind === kind);
const MIB = 1024 * 1024;

/** The socket of a connection. */
function handleOf(seen: ObserverSpy<Up>): Socket {
  const connected = seen.values.find((signal) => signal.kind === 'connected');
  return connected?.details[0]?.handle as Socket;
}

const bytes = (buffer: Uint8Array): Flow => ({ kind: 'data', bytes: buffer });

/** What every wire made of sockets does. */
export function socketContract(name: string, site: Site): void {
  describe(`${name} as a socket`, () => {
    spec('does nothing before it is subscribed, and dials anew for each subscription', async (h) => {
      const { to, peers } = await listen(h, site);
      const up$ = new Subject<Flow>().pipe(site.wire(testDial({ to })));
      const first = h.observed(up$);
      const second = h.observed(up$);
      await first.value(({ kind }) => kind === 'connected');
      await second.value(({ kind }) => kind === 'connected');
      await h.until(() => peers.length === 2, 'two peers');
    });

    spec('tells that it is connected, with its handle', async (h) => {
      const { seen } = await line(h, site);
      const connected = await seen.value(({ kind }) => kind === 'connected');
      expect(connected).toMatchObject({ details: [{ wire: name }] });
      expect(handleOf(seen)).toBeInstanceOf(Socket);
    });

    spec('carries bytes both ways, in order', async (h) => {
      const { app, seen, peer } = await line(h, site);
      const [there, back] = [randomBytes(3 * MIB), randomBytes(3 * MIB)];
      const got = reading(h, peer);
      peer.end(back);
      for (let at = 0; at < there.length; at += 10_007) app.next(bytes(there.subarray(at, at + 10_007)));
      app.next(END);
      await seen.ended;
      h.sameBytes(
        seen.values.flatMap((signal) => (signal.kind === 'data' ? [signal.bytes] : [])),
        back,
      );
      await h.until(() => got.ended, 'the peer has all');
      h.sameBytes(got.bytes, there);
      expect(seen.state).toBe('complete');
      expect(sentOf(seen.values)).toBe(there.length);
    });

    spec('takes no notice of empty chunks', async (h) => {
      const { app, seen, peer } = await line(h, site);
      const got = reading(h, peer);
      for (const text of ['', 'a', '', '', 'b', '']) app.next(data(text));
      await h.until(() => got.bytes.length === 2 && sentOf(seen.values) === 2, 'two bytes');
      expect(got.bytes.toString()).toBe('ab');
    });

    describe('half-close', () => {
      spec('by us: the peer sees our FIN, and we read its 257 lines and its late answer', async (h) => {
        const { app, seen, peer } = await line(h, site);
        const got = reading(h, peer);
        app.next(data('question'));
        app.next(END);
        await h.until(() => got.ended, 'our FIN');
        expect(got.bytes.toString()).toBe('question');
        for (let turn = 0; turn < 257; turn += 1) peer.write(`line ${turn}\n`);
        await h.until(() => textOf(seen.values).endsWith('line 256\n'), 'all lines');
        expect(seen.state).toBe('open');
        peer.end('late');
        await seen.ended;
        expect(textOf(seen.values)).toMatch(/line 256\nlate$/);
        expect(inWords(seen.values).at(-1)).toBe('end');
        expect(seen.state).toBe('complete');
      });

      spec('by the peer: we see its FIN once, and go on writing', async (h) => {
        const { app, seen, peer } = await line(h, site);
        const got = reading(h, peer);
        peer.end('bye');
        await seen.value(({ kind }) => kind === 'end');
        for (let turn = 0; turn < 257; turn += 1) app.next(data(`line ${turn}\n`));
        await h.until(() => got.bytes.toString().endsWith('line 256\n'), 'all lines');
        expect(seen.state).toBe('open');
        app.next(END);
        await seen.ended;
        expect(seen.state).toBe('complete');
        expect(inWords(seen.values).filter((word) => word === 'end')).toEqual(['end']);
        await h.until(() => got.ended, 'our FIN');
      });

      spec('of both at once: completes by itself and frees the handle', async (h) => {
        const { app, seen, peer } = await line(h, site);
        reading(h, peer);
        peer.end();
        app.next(END);
        await seen.ended;
        expect(seen.state).toBe('complete');
      });

      spec('twice is once', async (h) => {
        const { app, seen, peer } = await line(h, site);
        const got = reading(h, peer);
        app.next(END);
        app.next(END);
        await h.until(() => got.ended, 'our FIN');
        app.next(END);
        peer.end();
        expect((await seen.ended).state).toBe('complete');
      });
    });

    describe('pause and resume', () => {
      spec('stop and start what comes up; nothing is lost', async (h) => {
        const { app, seen, peer } = await line(h, site);
        app.next(PAUSE);
        const given = randomBytes(24 * MIB);
        let written = false;
        peer.end(given, () => (written = true));
        // What the kernel takes it has taken when the peer's socket is full.
        await h.until(() => peer.writableLength > 0 && !written, 'the peer is stuck');
        const before = textOf(seen.values).length;
        expect(before).toBeLessThanOrEqual(128 * 1024);
        app.next(RESUME);
        await seen.value(({ kind }) => kind === 'end');
        h.sameBytes(
          seen.values.flatMap((signal) => (signal.kind === 'data' ? [signal.bytes] : [])),
          given,
        );
      });

      spec('are heard before the connection is there', async (h) => {
        const { to, peers } = await listen(h, site);
        const app = new Subject<Flow>();
        const seen = h.observed(app.pipe(site.wire(testDial({ to }))));
        app.next(RESUME);
        app.next(PAUSE);
        await seen.value(({ kind }) => kind === 'connected');
        await h.until(() => peers.length > 0, 'the peer');
        await new Promise((resolve) => peers[0]?.write('x', resolve));
        for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
        expect(textOf(seen.values)).toBe('');
        app.next(RESUME);
        await h.until(() => textOf(seen.values) === 'x', 'the byte');
      });

      spec('come up when the peer does not read, and when it does again', async (h) => {
        const { app, seen, peer } = await line(h, site);
        const chunk = Buffer.alloc(64 * 1024);
        let given = 0;
        const isFull = (): boolean =>
          inWords(seen.values)
            .filter((word) => word === 'pause' || word === 'resume')
            .at(-1) === 'pause';
        // A pause is up for the time of a tick after most writes; stuck is what stays paused.
        for (let quiet = 0; quiet < 20; quiet += 1) {
          if (!isFull()) {
            app.next(bytes(chunk));
            given += chunk.length;
            quiet = 0;
          }
          await new Promise(setImmediate);
        }
        expect(sentOf(seen.values)).toBeLessThan(given);
        const got = reading(h, peer);
        await h.until(() => !isFull() && sentOf(seen.values) === given, 'resumed and sent');
        await h.until(() => got.bytes.length === given, 'all there');
      });
    });

    describe('sent', () => {
      spec('is told at least every 256 KiB of one long write to a slow reader, and in all exactly', async (h) => {
        const { app, seen, peer } = await line(h, site);
        const given = randomBytes(16 * MIB);
        app.next(bytes(given));
        expect(sentOf(seen.values)).toBeLessThan(given.length);
        const totals = new Set<number>();
        const got: Buffer[] = [];
        peer.on('readable', () => {});
        // A reader that takes a little in each turn of the loop.
        await h.until(() => {
          const chunk = (peer.read(65_536) ?? peer.read()) as Buffer | null;
          if (chunk) got.push(chunk);
          return totals.add(sentOf(seen.values)).has(given.length);
        }, 'all sent');
        const steps = seen.values.flatMap((signal) => (signal.kind === 'sent' ? [signal.bytes] : []));
        expect(Math.max(...steps)).toBeLessThanOrEqual(256 * 1024);
        // The kernel takes a few MiB at once; the rest moves with the peer.
        expect(totals.size).toBeGreaterThan(5);
        app.next(END);
        for await (const chunk of peer) got.push(chunk as Buffer);
        h.sameBytes(got, given);
      });

      spec('counts what has left only: not what was lost', async (h) => {
        const { app, seen, peer } = await line(h, site);
        app.next(bytes(Buffer.alloc(32 * MIB)));
        await new Promise(setImmediate);
        peer.destroy();
        await seen.ended;
        expect(['EPIPE', 'ECONNRESET']).toContain((seen.error as { code?: string }).code);
        expect(sentOf(seen.values)).toBeLessThan(32 * MIB);
      });

      spec('is exact for many small writes of one tick, and before the end', async (h) => {
        const { app, seen, peer } = await line(h, site);
        const got = reading(h, peer);
        for (let turn = 0; turn < 10_000; turn += 1) app.next(data('0123456789'));
        app.next(END);
        await h.until(() => got.ended, 'our FIN');
        expect(got.bytes.length).toBe(100_000);
        await h.until(() => sentOf(seen.values) === 100_000, 'all told');
      });
    });

    describe('close', () => {
      spec('sends all that was given, also over unread input: the peer sees a FIN and no reset', async (h) => {
        const { app, seen, peer } = await line(h, site);
        app.next(PAUSE);
        const given = randomBytes(6 * MIB);
        peer.write(Buffer.alloc(MIB));
        app.next(bytes(given));
        app.complete();
        const got = reading(h, peer);
        await h.until(() => got.ended, 'our FIN');
        h.sameBytes(got.bytes, given);
        expect(seen.state).toBe('open');
        peer.end('late');
        await seen.ended;
        expect(seen.state).toBe('complete');
        expect(sentOf(seen.values)).toBe(given.length);
        expect(textOf(seen.values)).toBe('');
        expect(got.error).toBeUndefined();
      });

      spec('is complete at once when the peer has ended already', async (h) => {
        const { app, seen, peer } = await line(h, site);
        peer.end();
        await seen.value(({ kind }) => kind === 'end');
        const got = reading(h, peer);
        app.next(data('x'));
        app.complete();
        expect((await seen.ended).state).toBe('complete');
        await h.until(() => got.ended, 'our FIN');
        expect(got.bytes.toString()).toBe('x');
      });

      spec('after end waits for the FIN of the peer, too', async (h) => {
        const { app, seen, peer } = await line(h, site);
        const got = reading(h, peer);
        app.next(END);
        await h.until(() => got.ended, 'our FIN');
        app.complete();
        peer.write('x');
        await new Promise(setImmediate);
        expect(seen.state).toBe('open');
        peer.end();
        expect((await seen.ended).state).toBe('complete');
        expect(textOf(seen.values)).toBe('');
      });

      spec('gives up after `timeouts.close` when the peer never ends', async (h) => {
        const { app, seen, peer } = await line(h, site, { close: 60 });
        const got = reading(h, peer);
        const start = performance.now();
        app.complete();
        await seen.ended;
        expect(seen.state).toBe('complete');
        expect(performance.now() - start).toBeGreaterThan(50);
        expect(performance.now() - start).toBeLessThan(2500); // its default is 3 s
        expect(got.ended).toBe(true);
      });

      spec('gives up when nothing leaves for `timeouts.close`', async (h) => {
        const { app, seen } = await line(h, site, { close: 60 });
        app.next(bytes(Buffer.alloc(32 * MIB)));
        app.complete();
        await seen.ended;
        expect(seen.state).toBe('complete');
        expect(sentOf(seen.values)).toBeLessThan(32 * MIB);
      });

      spec('takes its time while bytes leave, however slowly', async (h) => {
        const { app, seen, peer } = await line(h, site, { close: 500 });
        const given = randomBytes(12 * MIB);
        app.next(bytes(given));
        app.complete();
        // A reader that takes a part every 40 ms: longer in all than the 500.
        const chunks: Buffer[] = [];
        let allowed = 0;
        const timer = setInterval(() => {
          allowed += 0.7 * MIB;
          peer.resume();
        }, 40);
        h.defer(() => clearInterval(timer));
        let got = 0;
        peer.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          got += chunk.length;
          if (got > allowed) peer.pause();
        });
        peer.on('end', () => peer.end());
        await seen.ended;
        expect(seen.state).toBe('complete');
        // All has left us; the last of it may still be on its way to this slow reader.
        await h.until(() => got === given.length);
        h.sameBytes(chunks, given);
      });

      spec('lets the process end while it waits for the peer', async (h) => {
        const { app, peer } = await line(h, site, { close: 60_000 });
        const got = reading(h, peer);
        await new Promise(setImmediate);
        const alive = (): number => process.getActiveResourcesInfo().length;
        const before = alive();
        app.complete();
        await h.until(() => got.ended, 'our FIN');
        await h.until(() => alive() < before, 'nothing keeps the process');
      });

      spec('before the connection is there completes at once', async (h) => {
        const { to } = await listen(h, site);
        const app = new Subject<Flow>();
        const seen = h.observed(app.pipe(site.wire(testDial({ to }))));
        app.complete();
        expect(seen.state).toBe('complete');
      });
    });

    describe('reset', () => {
      spec('by an error of the application: the peer sees it at once, Up errors with it', async (h) => {
        const { app, seen, peer } = await line(h, site);
        const got = reading(h, peer);
        const reason = new Error('enough');
        app.error(reason);
        expect(seen).toMatchObject({ state: 'error', error: reason });
        await h.until(() => got.ended || got.closed, 'the peer knows');
        expect(got.error).toBe(site.rst ? 'ECONNRESET' : undefined);
      });

      spec('in the middle of a half-close frees the handle', async (h) => {
        const { app, seen, peer } = await line(h, site);
        const got = reading(h, peer);
        app.next(END);
        app.error(new Error('enough'));
        expect(seen.state).toBe('error');
        await h.until(() => got.ended || got.closed, 'the peer knows');
      });

      spec('with bytes that wait frees the handle at once', async (h) => {
        const { app, seen, peer } = await line(h, site);
        app.next(bytes(Buffer.alloc(32 * MIB)));
        app.error(new Error('enough'));
        expect(seen.state).toBe('error');
        const got = reading(h, peer);
        await h.until(() => got.ended || got.closed, 'the peer knows');
      });

      spec('before the connection is there dials no more', async (h) => {
        const { to } = await listen(h, site);
        const app = new Subject<Flow>();
        const seen = h.observed(app.pipe(site.wire(testDial({ to }))));
        app.error(new Error('enough'));
        expect(seen.state).toBe('error');
      });
    });

    describe('somebody else', () => {
      spec('who closes the socket is told of, after all bytes that were read', async (h) => {
        const { app, seen, peer } = await line(h, site);
        const handle = handleOf(seen);
        app.next(PAUSE);
        handle.unshift(Buffer.from('read before'));
        handle.destroy();
        await seen.ended;
        h.error(seen.error, { code: 'ERR_STREAM_PREMATURE_CLOSE', phase: 'read' });
        expect(textOf(seen.values)).toBe('read before');
        peer.resume();
      });

      spec('who closes it while it closes and bytes still wait is told of: what was lost does not look whole', async (h) => {
        const { app, seen } = await line(h, site);
        const handle = handleOf(seen);
        app.next(bytes(Buffer.alloc(32 * MIB)));
        app.complete();
        handle.destroy();
        await seen.ended;
        h.error(seen.error, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
        expect(sentOf(seen.values)).toBeLessThan(32 * MIB);
      });
    });

    describe('unsubscribe frees all', () => {
      spec.each<[string, (line: Line, h: Harness) => unknown]>([
        ['when idle', () => {}],
        ['while reading', ({ peer }) => peer.write(Buffer.alloc(8 * MIB))],
        ['while paused', ({ app, peer }) => (app.next(PAUSE), peer.write(Buffer.alloc(8 * MIB)))],
        ['while writing', ({ app }) => app.next(bytes(Buffer.alloc(32 * MIB)))],
        ['after our end', ({ app }) => app.next(END)],
        ['after the end of the peer', async ({ peer, seen }) => (peer.end(), await seen.value(({ kind }) => kind === 'end'))],
        ['while it closes', ({ app }) => app.complete()],
        [
          'while it closes with bytes that wait',
          ({ app }) => {
            app.next(bytes(Buffer.alloc(32 * MIB)));
            app.complete();
          },
        ],
        [
          'while it waits for the peer',
          async ({ app, peer }, h) => {
            const got = reading(h, peer);
            app.complete();
            await h.until(() => got.ended, 'our FIN');
          },
        ],
      ])('%s', async (h, _, stage) => {
        const wired = await line(h, site);
        await stage(wired, h);
        wired.seen.unsubscribe();
        expect(wired.app.observed).toBe(false);
        const got = reading(h, wired.peer);
        // The peer's end of a connection that is gone: nothing more comes, or a reset.
        wired.peer.end();
        await h.until(() => got.ended || got.closed, 'the peer knows');
      });

      spec('before the connection is there', async (h) => {
        const { to } = await listen(h, site);
        h.observed(new Subject<Flow>().pipe(site.wire(testDial({ to })))).unsubscribe();
      });

      spec('from inside every kind of signal', async (h) => {
        const kinds = ['connected', 'data', 'sent', 'end'] as const;
        const { to, peers } = await listen(h, site);
        for (const kind of kinds) {
          const app = new Subject<Flow>();
          const log: string[] = [];
          const done = new Promise<void>((resolve) => {
            const subscription = app.pipe(site.wire(testDial({ to }) satisfies Dial)).subscribe((signal) => {
              log.push(signal.kind);
              if (signal.kind === 'connected' && kind === 'sent') app.next(data('x'));
              if (signal.kind !== kind) return;
              subscription.unsubscribe();
              resolve();
            });
          });
          await h.until(() => peers.length > kinds.indexOf(kind), 'the peer');
          const peer = peers.at(-1)!;
          peer.on('error', () => {});
          if (kind === 'data' || kind === 'end') peer.write('x');
          if (kind === 'end') peer.end();
          await done;
          expect(log.at(-1)).toBe(kind);
          expect(app.observed).toBe(false);
        }
        expect(has(h.observed(new Subject<Up>()), 'end')).toBe(false);
      });
    });

    spec('keeps no listener of its own on the socket afterwards', async (h) => {
      const { app, seen, peer } = await line(h, site);
      const handle = handleOf(seen);
      reading(h, peer);
      peer.end();
      app.next(END);
      await seen.ended;
      const ours = ['data', 'drain', 'error', 'close', 'connect', 'finish'].map((event) => [event, handle.listenerCount(event)]);
      expect(ours).toEqual(['data', 'drain', 'error', 'close', 'connect', 'finish'].map((event) => [event, 0]));
    });
  });
}
