import { firstValueFrom } from 'rxjs';
import { describe, expect } from 'vitest';
import type { IOStream } from 'rxjs-io-stream';
import { encodeFrame, FLAG, FRAME, GO_AWAY } from '../../src/protocol/yamux.ts';
import { pattern } from '../../src/testing/bytes.ts';
import { concatBytes } from '../../src/util/concat-bytes.ts';
import { spec } from '../support/spec.ts';
import { bytesOf, rawLink, type RawPeer } from './mux-tools.ts';

const { DATA, WINDOW, PING, GO_AWAY: GOAWAY } = FRAME;
const { SYN, ACK, FIN, RST } = FLAG;
const FULL = 256 * 1024;

type Frame = readonly [type: number, flags: number, stream: number, length: number, payload?: string | Uint8Array];

/** Opens stream 1 of the peer. */
const OPEN: Frame = [WINDOW, SYN, 1, 0];

function bytesOfFrames(frames: readonly Frame[]): Uint8Array {
  const text = new TextEncoder();
  return concatBytes(
    frames.flatMap(([type, flags, stream, length, payload = '']) => [
      encodeFrame(type, flags, stream, length),
      typeof payload === 'string' ? text.encode(payload) : payload,
    ]),
  );
}

function sent(peer: RawPeer): readonly (readonly number[])[] {
  return peer.frames.map(({ type, flags, stream, length }) => [type, flags, stream, length]);
}

describe('the frames of a mux', () => {
  spec('are those of yamux: SYN, data, FIN, and the answers', async (h) => {
    const { link, peer } = rawLink(h, {}, { handler: (io: IOStream) => io.send(io) });
    peer.send(...OPEN);
    peer.send(DATA, 0, 1, 5, 'hello');
    peer.send(WINDOW, FIN, 1, 0);
    await h.until(() => peer.frames.some(({ flags }) => flags === FIN));
    expect(sent(peer)).toStrictEqual([
      [WINDOW, ACK, 1, 0],
      [DATA, 0, 1, 5],
      [WINDOW, FIN, 1, 0],
    ]);
    h.sameBytes(peer.frames[1]!.payload, 'hello');
    await h.until(() => link.size === 0);
  });

  spec('grant credit when half of the window was read, and none to a paused stream', async (h) => {
    const { peer, accepted } = rawLink(h);
    peer.send(...OPEN);
    await h.until(() => accepted.length === 1);
    const [io] = accepted;
    io!.closed$.subscribe(); // Handles the end of the connection.
    io!.data$.subscribe({ error: () => undefined });
    peer.send(DATA, 0, 1, FULL / 2 - 1, pattern(FULL / 2 - 1));
    await h.until(() => io!.inBytes === FULL / 2 - 1);
    expect(sent(peer)).toStrictEqual([[WINDOW, ACK, 1, 0]]);
    peer.send(DATA, 0, 1, 1, 'x');
    await h.until(() => peer.frames.length === 2);
    expect(sent(peer)[1]).toStrictEqual([WINDOW, 0, 1, FULL / 2]);
    io!.pause();
    peer.send(DATA, 0, 1, FULL, pattern(FULL));
    peer.send(PING, SYN, 0, 1);
    await h.until(() => peer.frames.length === 3);
    expect(sent(peer)[2]).toStrictEqual([PING, ACK, 0, 1]);
    io!.resume();
    await h.until(() => peer.frames.length === 4);
    expect(sent(peer)[3]).toStrictEqual([WINDOW, 0, 1, FULL]);
  });

  spec('give the same streams and bytes, however the connection cuts them', async (h) => {
    const script = bytesOfFrames([
      OPEN,
      [DATA, 0, 1, 3, 'one'],
      [PING, SYN, 0, 77],
      [DATA, SYN, 3, 4, 'four'],
      [DATA, 0, 1, 0],
      [DATA, FIN, 3, 2, '!!'],
      [WINDOW, 0, 1, 1000],
      [DATA, 0, 1, 5, ' more'],
      [WINDOW, FIN, 1, 0],
    ]);
    const cuts = [...Array.from({ length: script.length - 1 }, (_, at) => [at + 1]), Array.from({ length: script.length }, (_, at) => at)];
    for (const cut of cuts) {
      const { link, peer, accepted, below } = rawLink(h, {}, { pair: { cut: (offset) => cut.includes(offset) } });
      peer.io.write(script);
      await h.until(() => accepted.length === 2);
      const received = await Promise.all(accepted.map(async (io) => String(await bytesOf(io))));
      expect([cut, received]).toStrictEqual([cut, ['one more', 'four!!']]);
      await h.until(() => link.size === 0);
      below.reset();
    }
  });

  spec('end the direction after their payload when they carry both', async (h) => {
    const { peer, accepted } = rawLink(h);
    peer.send(DATA, SYN | FIN, 1, 3, 'all');
    await h.until(() => accepted.length === 1);
    expect(String(await bytesOf(accepted[0]!))).toBe('all');
  });

  describe('that are malformed', () => {
    spec.each<readonly [what: string, message: string, frames: readonly Frame[]]>([
      ['of an unknown type', 'a frame (version 0, type 4, flags 0x0, stream 1, length 0) of an unknown type', [[4, 0, 1, 0]]],
      ['with unknown flags', 'flags 0x10, stream 1, length 0) with unknown flags', [[WINDOW, 16, 1, 0]]],
      [
        'of data without a stream',
        'a data frame (version 0, type 0, flags 0x0, stream 0, length 1) without the id',
        [[DATA, 0, 0, 1, 'x']],
      ],
      ['of pings with a stream', 'with the id of a stream', [[PING, SYN, 1, 0]]],
      ['of pings with FIN', 'with other flags than SYN or ACK', [[PING, FIN, 0, 0]]],
      ['of GoAway with a stream', 'with the id of a stream', [[GOAWAY, 0, 1, 0]]],
      ['of GoAway with flags', 'with flags', [[GOAWAY, SYN, 0, 0]]],
      [
        'of GoAway with an unknown reason',
        'a GoAway frame (version 0, type 3, flags 0x0, stream 0, length 9) with an unknown reason',
        [[GOAWAY, 0, 0, 9]],
      ],
      ['with SYN and ACK', 'with both SYN and ACK', [[WINDOW, SYN | ACK, 1, 0]]],
      ['with an id of ours', 'that opens a stream with an id of ours: one end must be the client', [[WINDOW, SYN, 2, 0]]],
      ['that open a stream twice', 'that opens a stream that is open', [OPEN, OPEN]],
      ['of a stream that was never opened', 'of a stream that was never opened', [[DATA, 0, 5, 1, 'x']]],
      ['of a stream of ours that was never opened', 'of a stream that was never opened', [[WINDOW, 0, 2, 1]]],
      ['over the window', 'over its window of 262144 bytes', [OPEN, [DATA, 0, 1, FULL + 1]]],
      [
        'over the rest of the window',
        'over its window of 1 bytes',
        [OPEN, [DATA, 0, 1, FULL - 1, pattern(FULL - 1)], [DATA, 0, 1, 2, 'xx']],
      ],
      ['that grant too much', 'that grants more than 2 ** 32 - 1 bytes', [OPEN, [WINDOW, 0, 1, 2 ** 32 - FULL]]],
      ['of data after FIN', 'after the end of its stream', [OPEN, [WINDOW, FIN, 1, 0], [DATA, 0, 1, 1, 'x']]],
      ['with a second FIN', 'after the end of its stream', [OPEN, [WINDOW, FIN, 1, 0], [WINDOW, FIN, 1, 0]]],
    ])('fail the mux with EPROTOCOL: %s', async (h, _what, message, frames) => {
      const { link, peer, accepted } = rawLink(h, {}, { io: { allowHalfOpen: true, timeouts: { close: 20 } } });
      const errors = h.observed(link.errors$);
      accepted.push = (io) => {
        io.pause();
        io.closed$.subscribe();
        return 0;
      };
      peer.io.write(bytesOfFrames(frames));
      const report = await firstValueFrom(link.closed$);
      h.error(report.error, { code: 'EPROTOCOL', phase: 'read' });
      expect((report.error as Error).message).toContain('the peer sent ');
      expect((report.error as Error).message).toContain(message);
      expect(sent(peer).at(-1)).toStrictEqual([GOAWAY, 0, 0, GO_AWAY.PROTOCOL]);
      expect(peer.io.isEof).toBe(true);
      errors.unsubscribe();
    });

    spec('fail the mux when they are not yamux at all', async (h) => {
      const { link, peer } = rawLink(h);
      peer.io.write('GET / HTTP/1.1\r\n\r\n');
      const { error } = await firstValueFrom(link.closed$);
      h.error(error, { code: 'EPROTOCOL' });
      expect(String(error)).toContain('a frame (version 71, type 69, ');
      expect(String(error)).toContain('of an unknown version: the peer does not speak yamux');
    });

    spec('fail each open stream with an error of its own, after the bytes before them', async (h) => {
      const { peer, accepted } = rawLink(h);
      peer.send(...OPEN);
      peer.send(DATA, 0, 1, 5, 'valid');
      await h.until(() => accepted.length === 1);
      const seen = h.observed(accepted[0]!.data$);
      peer.send(9, 0, 0, 0);
      await seen.ended;
      h.sameBytes(seen.values, 'valid');
      h.error(seen.error, { code: 'EPROTOCOL' });
    });
  });

  describe('of streams that are not open', () => {
    spec('are ignored after our reset', async (h) => {
      const { link, peer, accepted } = rawLink(h);
      peer.send(...OPEN);
      await h.until(() => accepted.length === 1);
      accepted[0]!.reset();
      await h.until(() => peer.frames.some(({ flags }) => flags === RST));
      peer.send(DATA, 0, 1, 4, 'late');
      peer.send(WINDOW, FIN, 1, 0);
      peer.send(PING, SYN, 0, 1);
      await h.until(() => peer.frames.at(-1)?.type === PING);
      expect(link.size).toBe(0);
    });

    spec('are ignored after both ends, if they are window updates', async (h) => {
      const { link, peer } = rawLink(h, {}, { handler: (io: IOStream) => io.send(io) });
      peer.send(DATA, SYN | FIN, 1, 1, 'x');
      await h.until(() => peer.frames.some(({ flags }) => flags === FIN) && link.size === 0);
      peer.send(WINDOW, 0, 1, 1);
      peer.send(PING, SYN, 0, 1);
      await h.until(() => peer.frames.at(-1)?.type === PING);
      peer.send(DATA, 0, 1, 1, 'x');
      const { error } = await firstValueFrom(link.closed$);
      expect(String(error)).toContain('after the end of its stream');
    });
  });

  describe('that come in floods', () => {
    spec.each<readonly [what: string, frames: (at: number) => readonly Frame[]]>([
      ['pings', (at) => [[PING, SYN, 0, at]]],
      ['answers without a ping', (at) => [[PING, ACK, 0, at]]],
      ['window updates', () => [[WINDOW, 0, 1, 0]]],
      ['empty data', () => [[DATA, 0, 1, 0]]],
      [
        'streams that are reset at once',
        (at) => [
          [WINDOW, SYN, 3 + 2 * at, 0],
          [WINDOW, RST, 3 + 2 * at, 0],
        ],
      ],
      ['streams over the limit', (at) => [[WINDOW, SYN, 3 + 2 * at, 0]]],
    ])('fail the mux: %s', async (h, _what, frames) => {
      const { link, peer, below } = rawLink(h, { maxStreams: 1 });
      h.observed(link.errors$);
      peer.send(...OPEN);
      const closed = h.observed(link.closed$);
      // 40,000 at once: more than a peer may send within seconds.
      for (let at = 0; at < 40_000 && closed.state === 'open'; at += 1000) {
        peer.io.write(bytesOfFrames(Array.from({ length: 1000 }, (_, index) => frames(at + index)).flat()));
        await new Promise((resolve) => void setImmediate(resolve));
      }
      h.error((await closed.value()).error, { code: 'EPROTOCOL' });
      expect(String(closed.values[0]!.error)).toContain('after too many frames that transfer nothing');
      expect(below.output.pending).toBeLessThan(100_000);
    });

    spec('fail the mux while the peer does not read the answers', async (h) => {
      const { link, peer, below } = rawLink(h, {}, { pair: { limit: 16_384 } });
      peer.io.pause();
      for (let at = 0; at < 14; at += 1) {
        peer.io.write(bytesOfFrames(Array.from({ length: 1000 }, (_, index): Frame => [PING, SYN, 0, at * 1000 + index])));
        await new Promise((resolve) => void setImmediate(resolve));
      }
      const seen = h.observed(link.closed$);
      expect(below.output.pending).toBeLessThan(100_000);
      peer.io.resume();
      expect(String((await seen.value()).error)).toContain('while 1024 answers wait for the peer to read');
    });
  });

  spec('of GoAway with an error end the mux with EPROTOCOL', async (h) => {
    const { link, peer } = rawLink(h);
    peer.send(GOAWAY, 0, 0, GO_AWAY.PROTOCOL);
    const { by, error } = await firstValueFrom(link.closed$);
    expect(by).toBe('error');
    h.error(error, { code: 'EPROTOCOL' });
    expect(String(error)).toContain('(GoAway 1)');
  });
});
