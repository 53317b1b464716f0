import { describe, expect } from 'vitest';
import { END } from '../../../src/wire/signal.ts';
import { data, inWords, textOf } from '../signal-text.ts';
import { spec } from '../spec.ts';
import { connect, reading, type SocketSite } from './socket-site.ts';

/** Half-close: either end may end first, and the other direction stays open. */
export function halfCloseContract(site: SocketSite): void {
  describe('half-close', () => {
    spec('by us sends a FIN; 257 lines of the peer and its late reply are still read', async (h) => {
      const { app, seen, peer } = await connect(h, site);
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

    spec('by the peer emits one `end`; writing continues', async (h) => {
      const { app, seen, peer } = await connect(h, site);
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

    spec('by both completes the wire and frees the handle', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      reading(h, peer);
      peer.end();
      app.next(END);
      await seen.ended;
      expect(seen.state).toBe('complete');
    });

    spec('has no further effect when it is repeated', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      const got = reading(h, peer);
      app.next(END);
      app.next(END);
      await h.until(() => got.ended, 'our FIN');
      app.next(END);
      peer.end();
      expect((await seen.ended).state).toBe('complete');
    });
  });
}
