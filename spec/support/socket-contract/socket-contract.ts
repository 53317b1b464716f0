import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { Subject } from 'rxjs';
import { describe, expect } from 'vitest';
import { testDial } from '../../../src/testing/test-dial.ts';
import { END, type Flow } from '../../../src/wire/signal.ts';
import { data, sentOf } from '../signal-text.ts';
import { spec } from '../spec.ts';
import { closeContract } from './close-contract.ts';
import { halfCloseContract } from './half-close-contract.ts';
import { pauseContract } from './pause-contract.ts';
import { resetContract } from './reset-contract.ts';
import { sentContract } from './sent-contract.ts';
import { unsubscribeContract } from './unsubscribe-contract.ts';
import { bytes, connect, handleOf, listen, MIB, reading, type SocketSite } from './socket-site.ts';

/**
 * Defines the specs of a wire that uses a socket.
 *
 * @param name the name of the wire in its details.
 */
export function socketContract(name: string, site: SocketSite): void {
  describe(`${name} as a socket`, () => {
    spec('does nothing before it is subscribed, and dials once for each subscription', async (h) => {
      const { to, peers } = await listen(h, site);
      const up$ = new Subject<Flow>().pipe(site.wire(testDial({ to })));
      const first = h.observed(up$);
      const second = h.observed(up$);
      await first.value(({ kind }) => kind === 'connected');
      await second.value(({ kind }) => kind === 'connected');
      await h.until(() => peers.length === 2, 'two peers');
    });

    spec('emits `connected` with its handle', async (h) => {
      const { seen } = await connect(h, site);
      const connected = await seen.value(({ kind }) => kind === 'connected');
      expect(connected).toMatchObject({ details: [{ wire: name }] });
      expect(handleOf(seen)).toBeInstanceOf(Socket);
    });

    spec('carries bytes in both directions, in order', async (h) => {
      const { app, seen, peer } = await connect(h, site);
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

    spec('ignores empty chunks', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      const got = reading(h, peer);
      for (const text of ['', 'a', '', '', 'b', '']) app.next(data(text));
      await h.until(() => got.bytes.length === 2 && sentOf(seen.values) === 2, 'two bytes');
      expect(got.bytes.toString()).toBe('ab');
    });

    halfCloseContract(site);
    pauseContract(site);
    sentContract(site);
    closeContract(site);
    resetContract(site);
    unsubscribeContract(site);
  });
}
