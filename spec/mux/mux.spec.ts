import { firstValueFrom, NEVER, of } from 'rxjs';
import { describe, expect } from 'vitest';
import { IOStream } from 'rxjs-io-stream';
import { mux } from '../../src/mux/mux.ts';
import { FLAG, FRAME, GO_AWAY } from '../../src/protocol/yamux.ts';
import { pattern } from '../../src/testing/bytes.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { rc4 } from '../../src/plugins/rc4.ts';
import { spec } from '../support/spec.ts';
import { bytesOf, linkedPair, rawLink, streamOf } from './mux-tools.ts';

const WINDOW = 256 * 1024;

/** Resolves after everything that is due has been done. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => void setImmediate(resolve));
}

describe('mux', () => {
  spec('carries bytes of both ends of a stream', async (h) => {
    const [near, far] = await streamOf(h, linkedPair(h));
    const [there, back] = [pattern(3_000_000), pattern(2_000_001)];
    near.end(there);
    far.end(back);
    const received = await Promise.all([bytesOf(far), bytesOf(near)]);
    h.sameBytes(received[0], there);
    h.sameBytes(received[1], back);
    expect((await firstValueFrom(near.closed$)).bytesOut).toBe(3_000_000);
  });

  spec('runs a handler with each stream of the peer', async (h) => {
    const link = linkedPair(h, { handler: (stream: IOStream) => stream.send(stream) });
    const streams = ['one', 'two', 'three'].map((text) => {
      const io = link.dial();
      io.end(text);
      return bytesOf(io);
    });
    expect((await Promise.all(streams)).map(String)).toStrictEqual(['one', 'two', 'three']);
    await h.until(() => link.client.size + link.server.size === 0, 'both ends have forgotten the streams');
  });

  spec('lets both ends dial streams at the same time', async (h) => {
    const { client, server } = linkedPair(h);
    const atClient = h.observed(client.connections$);
    const streams = [client, server].map((each) => new IOStream({ wire: each.wire() }));
    streams[0]!.end('from the client');
    streams[1]!.end('from the server');
    expect(String(await bytesOf(await atClient.value()))).toBe('from the server');
  });

  spec('keeps apart a thousand streams that write at once', async (h) => {
    const link = linkedPair(h, { handler: (stream: IOStream) => stream.send(stream), pair: { cut: 0.001 } });
    const sent = Array.from({ length: 1000 }, (_, at) => pattern(2000 + at, at));
    const received = await Promise.all(
      sent.map((bytes) => {
        const io = link.dial();
        io.end(bytes);
        return bytesOf(io);
      }),
    );
    for (const [at, bytes] of sent.entries()) h.sameBytes(received[at]!, bytes);
  });

  spec('stacks plugins on its streams', async (h) => {
    const plugin = { rc4: rc4('the key') };
    const link = linkedPair(h, { server: { streams: { plugin } } });
    const [near, far] = await streamOf(h, link, { plugin });
    near.end('secret');
    expect(String(await bytesOf(far))).toBe('secret');
  });

  spec('reports the peer of the connection, and the wire, as details of a stream', async (h) => {
    const link = linkedPair(h, { handler: () => of(1) });
    const seen: unknown[] = [];
    const wire = link.client.wire();
    const io = new IOStream({
      wire: (dial) => (flow$) => {
        const up$ = wire(dial)(flow$);
        up$.subscribe({ next: (signal) => signal.kind === 'connected' && seen.push(...signal.details), error: () => {} });
        return up$;
      },
    });
    await h.until(() => seen.length > 0);
    expect(seen[0]).toStrictEqual({ wire: 'mux', stream: expect.any(Number) as number });
    io.reset();
  });

  describe('half-close', () => {
    spec.each([
      ['the dialler', 0],
      ['the accepting end', 1],
    ] as const)('lets the other direction go on after %s has ended its own', async (h, _who, first) => {
      const link = linkedPair(h, { server: { streams: { allowHalfOpen: true } } });
      const ends = await streamOf(h, link, { allowHalfOpen: true });
      const [one, other] = [ends[first], ends[1 - first]!];
      const late = bytesOf(one);
      one.end('first');
      expect(String(await bytesOf(other))).toBe('first');
      expect([one.state, other.state]).toStrictEqual(['open', 'open']);
      other.write('late ');
      await settled();
      other.end('answer');
      expect(String(await late)).toBe('late answer');
      expect((await firstValueFrom(one.closed$)).by).toBe('us');
      await h.until(() => link.client.size + link.server.size === 0, 'the stream is forgotten');
    });

    spec('completes a stream only when its end has been sent', async (h) => {
      const link = linkedPair(h, { pair: { latency: 50 } });
      const [near, far] = await streamOf(h, link);
      far.end();
      near.end('bytes');
      await h.until(() => near.isEof);
      const report = await firstValueFrom(near.closed$);
      expect([report.bytesOut, report.unsent]).toStrictEqual([5, 0]);
    });
  });

  describe('reset', () => {
    spec('reports ECONNRESET after the bytes before it', async (h) => {
      const [near, far] = await streamOf(h, linkedPair(h));
      const seen = h.observed(near.data$);
      far.write('before');
      await settled();
      far.reset();
      await seen.ended;
      h.sameBytes(seen.values, 'before');
      h.error(seen.error, { code: 'ECONNRESET', phase: 'read' });
    });

    spec('reports it to a paused stream with the bytes that it has not read', async (h) => {
      const [near, far] = await streamOf(h, linkedPair(h));
      const seen = h.observed(near.data$);
      near.pause();
      far.write('unread');
      await settled();
      far.reset();
      await seen.ended;
      h.sameBytes(seen.values, 'unread');
      h.error(seen.error, { code: 'ECONNRESET' });
    });

    spec.each([
      ['its own end', (near: IOStream, _far: IOStream) => near.end()],
      ['the end of the peer', (_near: IOStream, far: IOStream) => far.end()],
      ['no end', () => undefined],
    ] as const)('works after %s, and the mux goes on', async (h, _when, before) => {
      const link = linkedPair(h, { server: { streams: { allowHalfOpen: true } } });
      const [near, far] = await streamOf(h, link, { allowHalfOpen: true });
      before(near, far);
      await settled();
      near.reset();
      await h.until(() => far.state === 'closed', 'the peer is reset');
      const [next, accepted] = await streamOf(h, link);
      next.end('goes on');
      expect(String(await bytesOf(accepted))).toBe('goes on');
    });

    spec('ignores frames that were on the way', async (h) => {
      const link = linkedPair(h, { pair: { latency: 20 } });
      const [near, far] = await streamOf(h, link);
      far.write(pattern(200_000));
      near.reset();
      await h.until(() => far.state === 'closed');
      await settled();
      expect([link.client.size, link.below[0].state]).toStrictEqual([0, 'open']);
    });
  });

  describe('backpressure', () => {
    spec('stops the writer of a stalled stream at its window, while another stream goes on', async (h) => {
      const link = linkedPair(h);
      const [near, far] = await streamOf(h, link);
      far.pause();
      near.write(pattern(4_000_000));
      const [other, accepted] = await streamOf(h, link);
      other.end(pattern(1_000_000, 7));
      h.sameBytes(await bytesOf(accepted), pattern(1_000_000, 7));
      await settled();
      expect(4_000_000 - near.output.pending).toBe(WINDOW);
      far.resume();
      near.end();
      h.sameBytes(await bytesOf(far), pattern(4_000_000));
    });

    spec('grants a wider window from the start', async (h) => {
      const link = linkedPair(h, { server: { window: 1_000_000 } });
      const [near, far] = await streamOf(h, link);
      far.pause();
      near.write(pattern(4_000_000));
      await h.until(() => 4_000_000 - near.output.pending === 1_000_000, 'the peer has got a full window');
    });

    spec('keeps frames whole on a connection with a small outBufLimit', async (h) => {
      const link = linkedPair(h, { pair: { limit: 1000 } });
      for (const io of link.below) io.outBufLimit = 1;
      const [near, far] = await streamOf(h, link);
      near.end(pattern(500_000));
      h.sameBytes(await bytesOf(far), pattern(500_000));
    });

    spec('resets the stream that holds the most unread bytes over the budget', async (h) => {
      const link = linkedPair(h, { server: { budget: 300_000 } });
      const [large, largeFar] = await streamOf(h, link);
      const [small, smallFar] = await streamOf(h, link);
      const seen = h.watch(largeFar);
      const peer = h.watch(large);
      largeFar.pause();
      smallFar.pause();
      large.write(pattern(200_000));
      await settled();
      small.write(pattern(150_000, 5));
      await h.until(() => largeFar.state === 'closed', 'the largest stream is reset');
      h.error(seen.errors.values[0], { code: 'EINBUFLIMIT', phase: 'read' });
      expect(String(seen.errors.values[0])).toContain('unread bytes (budget = 300000)');
      await h.until(() => large.state === 'closed');
      h.error(peer.errors.values[0], { code: 'ECONNRESET' });
      small.end();
      smallFar.resume();
      h.sameBytes(await bytesOf(smallFar), pattern(150_000, 5));
    });

    spec('frees the budget of a stream that is reset, or closed, with unread bytes', async (h) => {
      const link = linkedPair(h, { server: { budget: 300_000 } });
      for (const leave of ['reset', 'close', 'reset'] as const) {
        const [near, far] = await streamOf(h, link);
        far.pause();
        near.write(pattern(250_000));
        await h.until(() => near.output.pending === 0, 'all bytes are with the peer');
        await settled();
        expect([near.state, far.state]).toStrictEqual(['open', 'open']);
        far[leave]();
        await settled();
      }
    });

    spec('counts bytes as sent when the connection has sent them', async (h) => {
      const link = linkedPair(h, { pair: { bandwidth: 2_000_000 } });
      const [near] = await streamOf(h, link);
      near.write(pattern(200_000));
      let mostAhead = -Infinity;
      await h.until(() => {
        mostAhead = Math.max(mostAhead, 200_000 - near.output.pending - link.below[1].inBytes);
        return near.output.pending === 0;
      });
      expect(mostAhead).toBeLessThanOrEqual(0);
    });

    spec('lets a stream with few bytes pass one with many: each writes a frame in turn', async (h) => {
      const link = linkedPair(h, { pair: { bandwidth: 2_000_000 } });
      const [bulk] = await streamOf(h, link);
      const [single, far] = await streamOf(h, link);
      bulk.write(pattern(250_000));
      await settled();
      single.end('soon');
      expect(String(await bytesOf(far))).toBe('soon');
      expect(bulk.output.pending).toBeGreaterThan(0);
    });
  });

  describe('limits', () => {
    spec('fails a dial over maxStreams with EMFILE, and dials again when a stream has ended', async (h) => {
      const link = linkedPair(h, { client: { maxStreams: 2 } });
      const [first] = await streamOf(h, link);
      await streamOf(h, link);
      const third = h.watch(link.dial());
      await third.closed.ended;
      h.error(third.errors.values[0], { code: 'EMFILE', phase: 'connect' });
      first.reset();
      await streamOf(h, link);
      expect(link.client.size).toBe(2);
    });

    spec('opens at most 256 streams that the peer has not accepted, and the next ones as it accepts, refuses or leaves', async (h) => {
      const { link, peer } = rawLink(h, { role: 'client', maxStreams: 400 });
      const dialled = Array.from({ length: 300 }, () => {
        const io = new IOStream({ wire: link.wire() });
        io.closed$.subscribe(); // Handles the error of a stream that is open at the end of the spec.
        return h.watch(io);
      });
      const opened = (): number => peer.frames.filter(({ flags }) => (flags & FLAG.SYN) !== 0).length;
      const failed = (): number => dialled.filter(({ errors }) => errors.values.length > 0).length;
      await h.until(() => opened() === 256);
      await settled();
      expect([opened(), link.size]).toStrictEqual([256, 256]);
      for (let id = 1; id < 20; id += 2) peer.send(FRAME.WINDOW, FLAG.ACK, id, 0);
      await h.until(() => opened() === 266);
      for (let id = 101; id < 110; id += 2) peer.send(FRAME.WINDOW, FLAG.RST, id, 0);
      await h.until(() => opened() === 271 && failed() === 5);
      peer.send(FRAME.GO_AWAY, 0, 0, GO_AWAY.NORMAL);
      peer.send(FRAME.WINDOW, FLAG.ACK, 201, 0);
      await h.until(() => failed() === 5 + 29);
      expect(opened()).toBe(271);
      h.error(dialled.at(-1)!.errors.values[0], { code: 'ECLOSED', phase: 'connect' });
    });

    spec('refuses streams of the peer over maxStreams, and accepts more when one has ended', async (h) => {
      const link = linkedPair(h, { server: { maxStreams: 1 } });
      const [first] = await streamOf(h, link);
      const second = h.watch(link.dial());
      await second.closed.ended;
      h.error(second.errors.values[0], { code: 'ECONNREFUSED' });
      first.reset();
      await h.until(() => link.server.size === 0);
      await streamOf(h, link);
    });

    spec('refuses streams while nothing takes them', async (h) => {
      const [a, b] = memoryPair();
      const link = mux(new IOStream({ wire: a }), { role: 'client', keepAlive: false });
      mux(new IOStream({ wire: b }), { role: 'server', keepAlive: false });
      const io = h.watch(new IOStream({ wire: link.wire() }));
      await io.closed.ended;
      h.error(io.errors.values[0], { code: 'ECONNREFUSED' });
      link.close();
      await firstValueFrom(link.closed$);
    });

    spec('leaves nothing after thousands of streams', async (h) => {
      const link = linkedPair(h, { handler: (stream: IOStream) => stream.send(stream) });
      for (let round = 0; round < 30; round += 1) {
        const streams = Array.from({ length: 100 }, () => link.dial());
        await Promise.all(
          streams.map(async (io, at) => {
            if (at % 4 === 0) io.reset();
            else {
              io.end('x');
              await bytesOf(io);
            }
          }),
        );
      }
      await h.until(() => link.client.size + link.server.size === 0, 'no stream is left');
      expect(link.below[0].output.pending).toBe(0);
    });
  });

  describe('the connection', () => {
    spec('fails each stream with the error of the connection, after the bytes before it', async (h) => {
      const link = linkedPair(h);
      const ends = [await streamOf(h, link), await streamOf(h, link)] as const;
      const seen = ends.map(([near]) => h.observed(near.data$));
      for (const [, far] of ends) far.write('before');
      await settled();
      link.below[1].reset();
      for (const each of seen) {
        await each.ended;
        h.sameBytes(each.values, 'before');
        h.error(each.error, { code: 'ECONNRESET' });
        expect(String(each.error)).toContain('the connection of the mux failed: ');
      }
      expect(seen[0]!.error).not.toBe(seen[1]!.error);
      const report = await firstValueFrom(link.client.closed$);
      expect([report.by, report.dialled]).toStrictEqual(['error', 2]);
      h.error(report.error, { code: 'ECONNRESET' });
    });

    spec('fails open streams when the connection ends before them: their data is never whole', async (h) => {
      const link = linkedPair(h);
      const [near, far] = await streamOf(h, link);
      const seen = h.observed(near.data$);
      far.write('half');
      await settled();
      link.below[1].end();
      await seen.ended;
      h.sameBytes(seen.values, 'half');
      h.error(seen.error, { code: 'ECONNRESET' });
      expect(String(seen.error)).toContain('truncated');
    });

    spec('fails streams when the owner of the connection closes it', async (h) => {
      const link = linkedPair(h);
      const [near] = await streamOf(h, link);
      const seen = h.observed(near.data$);
      link.below[0].close();
      await seen.ended;
      h.error(seen.error, { code: 'ECONNRESET' });
    });

    spec.each([
      ['us', 'close', 0],
      ['us', 'reset', 0],
      ['peer', 'close', 1],
    ] as const)('reports by: %s after %s() of the connection without a stream', async (h, by, how, end) => {
      const link = linkedPair(h);
      await settled();
      link.below[end][how]();
      expect(await firstValueFrom(link.client.closed$)).toStrictEqual({ by, dialled: 0, accepted: 0 });
    });

    spec('keeps whole streams that are not read yet when the connection ends', async (h) => {
      const link = linkedPair(h, { server: { streams: { allowHalfOpen: true } } });
      const [near, far] = await streamOf(h, link, { allowHalfOpen: true });
      near.pause();
      near.end();
      far.end('whole');
      await settled();
      link.below[1].end();
      await h.until(() => link.below[0].state !== 'open');
      near.resume();
      expect(String(await bytesOf(near))).toBe('whole');
    });

    spec('opens streams when the connection opens, and fails them when it does not', async (h) => {
      const [a, b] = memoryPair({ latency: 30 });
      const link = mux(new IOStream({ wire: a }), { role: 'client', keepAlive: false });
      const io = new IOStream({ wire: link.wire() });
      io.end('early');
      const far = h.observed(mux(new IOStream({ wire: b }), { role: 'server', keepAlive: false }).connections$);
      expect(String(await bytesOf(await far.value()))).toBe('early');
      await firstValueFrom(io.closed$);
      link.close();

      const lost = mux(new IOStream({ host: '127.0.0.1', port: 1 }), { role: 'client' });
      const failed = h.watch(new IOStream({ wire: lost.wire() }));
      await failed.closed.ended;
      h.error(failed.errors.values[0], { code: 'ECONNREFUSED' });
      expect((await firstValueFrom(lost.closed$)).by).toBe('error');
    });

    spec('gives up a dial after timeouts.connect while the connection is opening', async (h) => {
      const below = new IOStream({ wire: () => () => NEVER });
      const link = mux(below, { role: 'client' });
      const io = h.watch(new IOStream({ wire: link.wire(), timeouts: { connect: 10 } }));
      await io.closed.ended;
      h.error(io.errors.values[0], { code: 'ETOCONNECT', phase: 'connect' });
      below.reset();
    });
  });

  describe('close and drain', () => {
    spec('lets open streams end, refuses new ones, then closes the connection', async (h) => {
      const link = linkedPair(h);
      const [near, far] = await streamOf(h, link);
      const drained = h.observed(link.client.drain({ deadline: 5000 }));
      await settled();
      const late = h.watch(new IOStream({ wire: link.server.wire() }));
      await late.closed.ended;
      h.error(late.errors.values[0], { code: 'ECLOSED', phase: 'connect' });
      near.end('last');
      expect(String(await bytesOf(far))).toBe('last');
      expect(await drained.value()).toStrictEqual({ finished: 1, cut: 0 });
      const reports = await Promise.all([link.client, link.server].map((each) => firstValueFrom(each.closed$)));
      expect(reports.map(({ by }) => by)).toStrictEqual(['us', 'peer']);
    });

    spec('resets the streams that remain at the deadline', async (h) => {
      const link = linkedPair(h);
      const [near, far] = await streamOf(h, link);
      const [seen, peer] = [h.watch(near), h.watch(far)];
      expect(await firstValueFrom(link.client.drain({ deadline: 10 }))).toStrictEqual({ finished: 0, cut: 1 });
      await Promise.all([seen.closed.ended, peer.closed.ended]);
      h.error(seen.errors.values[0], { code: 'ECONNABORTED' });
      h.error(peer.errors.values[0], { code: 'ECONNRESET' });
    });

    spec('sends nothing for a stream that was dialled and closed in the same tick', async (h) => {
      const link = linkedPair(h);
      await streamOf(h, link);
      link.dial().reset();
      link.dial();
      link.client.close();
      const reports = await Promise.all([link.client, link.server].map((each) => firstValueFrom(each.closed$)));
      expect(reports.map(({ by }) => by)).toStrictEqual(['us', 'peer']);
    });

    spec('closes at once, without an error of the mux', async (h) => {
      const link = linkedPair(h);
      const [near, far] = await streamOf(h, link);
      const [seen, peer] = [h.watch(near), h.watch(far)];
      link.client.close();
      await Promise.all([seen.closed.ended, peer.closed.ended]);
      const reports = await Promise.all([link.client, link.server].map((each) => firstValueFrom(each.closed$)));
      expect(reports).toStrictEqual([
        { by: 'us', dialled: 1, accepted: 0 },
        { by: 'peer', dialled: 0, accepted: 1 },
      ]);
      const late = h.watch(new IOStream({ wire: link.client.wire() }));
      await late.closed.ended;
      h.error(late.errors.values[0], { code: 'ECLOSED' });
    });
  });
});
