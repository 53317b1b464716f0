import { persistent } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { published } from '../support/diagnosed.ts';
import { served } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';

describe('the diagnostics of a persistent stream', () => {
  spec('contain each status that `status$` emits', async (h) => {
    const all = published(h, 'persistent:status');
    const place = (await served(h, (socket) => socket.resume().on('end', () => socket.end()))) as { host: string; port: number };
    const link = persistent(place);
    const seen = h.observed(link.status$);
    await h.until(() => seen.values.some(({ state }) => state === 'connected'));
    link.close();
    await seen.ended;
    expect(all.map(({ message }) => message)).toEqual(seen.values.map((status) => ({ persistent: link, status })));
    expect(seen.values.map(({ state }) => state)).toEqual(['connecting', 'connected', 'closed']);
  });
});
