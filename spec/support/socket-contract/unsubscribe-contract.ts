import { Subject } from 'rxjs';
import { describe, expect } from 'vitest';
import { testDial } from '../../../src/testing/test-dial.ts';
import { END, PAUSE, type Dial, type Flow } from '../../../src/wire/signal.ts';
import type { Harness } from '../harness.ts';
import { data } from '../signal-text.ts';
import { spec } from '../spec.ts';
import { bytes, connect, handleOf, listen, MIB, reading, type Connection, type SocketSite } from './socket-site.ts';

/** Unsubscription frees the socket in every state, and so does the end. */
export function unsubscribeContract(site: SocketSite): void {
  describe('unsubscription frees the socket', () => {
    spec.each<[string, (connection: Connection, h: Harness) => unknown]>([
      ['when idle', () => {}],
      ['while reading', ({ peer }) => peer.write(Buffer.alloc(8 * MIB))],
      ['while paused', ({ app, peer }) => (app.next(PAUSE), peer.write(Buffer.alloc(8 * MIB)))],
      ['while writing', ({ app }) => app.next(bytes(Buffer.alloc(32 * MIB)))],
      ['after our end', ({ app }) => app.next(END)],
      ['after the end of the peer', async ({ peer, seen }) => (peer.end(), await seen.value(({ kind }) => kind === 'end'))],
      ['while it closes', ({ app }) => app.complete()],
      [
        'while it closes with queued bytes',
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
      const connection = await connect(h, site);
      await stage(connection, h);
      connection.seen.unsubscribe();
      expect(connection.app.observed).toBe(false);
      const got = reading(h, connection.peer);
      // The peer of a closed connection receives an end or a reset.
      connection.peer.end();
      await h.until(() => got.ended || got.closed, 'the peer knows');
    });

    spec('before the connection is open', async (h) => {
      const { to } = await listen(h, site);
      h.observed(new Subject<Flow>().pipe(site.wire(testDial({ to })))).unsubscribe();
    });

    spec('inside every kind of signal', async (h) => {
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
    });
  });

  spec('removes its listeners from the socket after the end', async (h) => {
    const { app, seen, peer } = await connect(h, site);
    const handle = handleOf(seen);
    reading(h, peer);
    peer.end();
    app.next(END);
    await seen.ended;
    const ours = ['data', 'drain', 'error', 'close', 'connect', 'finish'].map((event) => [event, handle.listenerCount(event)]);
    expect(ours).toEqual(['data', 'drain', 'error', 'close', 'connect', 'finish'].map((event) => [event, 0]));
  });
}
