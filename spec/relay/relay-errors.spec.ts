import { once } from 'node:events';
import { config } from 'rxjs';
import { assert, describe, expect, it } from 'vitest';
import { relay } from '../../src/relay/relay.ts';
import { ECLOSED, ETOWRITE, IOStream, IOStreamError } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { deadPort, pair } from '../support/loopback.ts';
import { closedReport, resetAtEnd, turns, unhandled, inVirtualTime } from '../stream/tools.ts';
import { between, type Ends, endOf, sideAndCode, expectSide } from './relay-tools.ts';

describe('relay: errors', () => {
  spec.each([
    ['a', 'A', 'B'],
    ['b', 'B', 'A'],
  ] as const)('resets the other stream and names the side when the peer of %s resets', async (h, side, resetting, other) => {
    const ends = await between(h);
    const seen = h.observed(relay(ends.a, ends.b));
    const end = endOf(ends[other]);
    ends[other].write('x');
    await h.until(() => seen.values.length === 2);
    ends[resetting].resetAndDestroy();
    expect(await end).toBe('ECONNRESET');
    const error = expectSide(h, (await seen.ended).error, side, 'ECONNRESET');
    expect(error.phase).toBe('read');
    expect(error.message).toBe(`stream ${side}: read ECONNRESET [ECONNRESET]`);
    assert(error.cause instanceof IOStreamError);
    expect((await closedReport(ends[side])).by).toBe('error');
    const report = await closedReport(ends[side === 'a' ? 'b' : 'a']);
    expect([report.by, report.error]).toStrictEqual(['us', error]);
  });

  it('forwards the bytes read before a reset, then resets the other side', () => {
    const log = inVirtualTime(100_000, (v) => {
      const [a, peerA] = v.joined();
      const [b, peerB] = v.joined({}, {}, { limit: 1000 });
      let got = 0;
      peerB.data$.subscribe({ next: (chunk) => (got += chunk.length), error: () => v.note(`${got} bytes at peer B, then an error`) });
      peerB.pause();
      relay(a, b).subscribe({ error: (error: unknown) => v.note(sideAndCode(error)) });
      v.at(0, () => peerA.write(new Uint8Array(50_000)));
      v.at(10, () => peerA.reset());
      v.at(100, () => v.note(a.state));
      v.at(1000, () => peerB.resume());
    });
    expect(log).toStrictEqual(['100 closed', '1000 a ECONNRESET', '1000 50000 bytes at peer B, then an error']);
  });

  it('stops forwarding after a reset at ETOWRITE of the other side, and reports the first error', () => {
    const log = inVirtualTime(100_000, (v) => {
      const [a, peerA] = v.joined();
      const [b, peerB] = v.joined({ timeouts: { write: 5000 } }, {}, { limit: 1000 });
      peerB.pause();
      v.watch(b, 'b');
      relay(a, b).subscribe({ error: (error: unknown) => v.note(sideAndCode(error)) });
      v.at(0, () => peerA.write(new Uint8Array(50_000)));
      v.at(10, () => peerA.reset());
    });
    expect(log.filter((line) => line.includes('ETOWRITE')).length).toBe(1);
    expect(log.find((line) => line.includes('ECONNRESET')) ?? '').toMatch(/^50\d\d a ECONNRESET$/);
  });

  spec('reports an error of either side after one side has ended', async (h) => {
    for (const resetting of ['A', 'B'] as const) {
      const ends = await between(h);
      const seen = h.observed(relay(ends.a, ends.b));
      const other = ends[resetting === 'A' ? 'B' : 'A'];
      let code: string | undefined;
      other.on('error', (error: NodeJS.ErrnoException) => (code = error.code));
      const ended = once(ends.B, 'end');
      ends.B.resume();
      ends.A.end('all of it');
      await ended;
      ends[resetting].resetAndDestroy();
      // A side that has read the end notices the reset when it writes.
      await h.until(() => {
        if (resetting === 'A') ends.B.write('x');
        return seen.state !== 'open';
      });
      expectSide(h, (await seen.ended).error, resetting === 'A' ? 'a' : 'b', resetting === 'A' ? 'EPIPE' : 'ECONNRESET');
      await h.until(() => {
        if (resetting === 'A') ends.B.write('x');
        return code !== undefined;
      });
      expect(code ?? '').toMatch(/^(ECONNRESET|EPIPE)$/);
    }
  });

  spec('resets the other stream if a stream cannot connect', async (h) => {
    const { near, far } = await pair(h);
    const [a, b] = resetAtEnd(h, new IOStream({ fh: near }), new IOStream({ host: '127.0.0.1', port: await deadPort() }));
    const seen = h.observed(relay(a, b));
    expect(await endOf(far)).toBe('ECONNRESET');
    expect(expectSide(h, (await seen.ended).error, 'b', 'ECONNREFUSED').phase).toBe('connect');
  });

  it('fails with ETOWRITE of a side whose peer does not read', () => {
    const log = inVirtualTime(100_000, (v) => {
      const [a, peerA] = v.joined({}, { timeouts: { write: 0 } });
      const [b, peerB] = v.joined({ timeouts: { write: 5000 } }, {}, { limit: 1000 });
      peerB.pause();
      v.watch(peerA, 'peer A');
      relay(a, b).subscribe({ error: (error: unknown) => v.note(sideAndCode(error)) });
      v.at(0, () => peerA.write(new Uint8Array(1_000_000)));
    });
    expect(log.map((line) => line.replace(/^5\d\d\d/, '5000'))).toStrictEqual([
      `5000 b ${ETOWRITE}`,
      '5000 peer A ECONNRESET',
      '5000 peer A closed by error',
    ]);
  });

  spec('resets both streams if one is closed, reset or aborted by us', async (h) => {
    const abort = new AbortController();
    const ways: [(ends: Ends) => void, code: string | undefined][] = [
      [({ a }) => a.close(), ECLOSED],
      [({ a }) => a.reset(), ECLOSED],
      [({ a }) => a.output.error(new IOStreamError('EMINE', { phase: 'write' })), 'EMINE'],
      [() => abort.abort(), undefined],
    ];
    for (const [way, code] of ways) {
      const ends = await between(h, 'TCP', { signal: abort.signal });
      const seen = h.observed(relay(ends.a, ends.b));
      const [atA, atB] = [endOf(ends.A), endOf(ends.B)];
      ends.A.write('x');
      await h.until(() => seen.values.length === 2);
      way(ends);
      expect([await atA, await atB]).toStrictEqual(['ECONNRESET', 'ECONNRESET']);
      const { error } = await seen.ended;
      if (code === undefined) expect((error as Error).name).toBe('AbortError');
      else expectSide(h, error, 'a', code);
    }
  });

  spec('fails with ECLOSED when bytes arrive for a stream that we have ended', async (h) => {
    const { a, b, A } = await between(h);
    const seen = h.observed(relay(a, b));
    b.end();
    A.write('x');
    expectSide(h, (await seen.ended).error, 'b', ECLOSED);
  });

  spec('resets the other stream if a stream was closed before', async (h) => {
    const { a, b, B } = await between(h);
    const end = endOf(B);
    a.reset();
    expectSide(h, (await h.observed(relay(a, b)).ended).error, 'a', ECLOSED);
    expect(await end).toBe('ECONNRESET');
    const refused = new IOStream({ host: '127.0.0.1', port: await deadPort() });
    refused.errors$.subscribe();
    await closedReport(refused);
    const other = await between(h);
    expectSide(h, (await h.observed(relay(other.a, refused)).ended).error, 'b', 'ECONNREFUSED');
  });

  spec('handles the errors of its streams, which subscribers of data$ receive, too', async (h) => {
    const lost = unhandled(h);
    const { a, b, A } = await between(h);
    const watching = h.observed(b.data$);
    const seen = h.observed(relay(a, b));
    A.resetAndDestroy();
    await seen.ended;
    expect((await watching.ended).error).toBe(seen.error);
    await turns();
    expect(lost).toStrictEqual([]);
    assert(config.onUnhandledError);
  });
});
