import { concatMap, from, map, mergeMap, observeOn, Observable, of, race, take, timer, type ObservableInput } from 'rxjs';
import {
  framed,
  lengthPrefixed,
  lines,
  mapCodec,
  netstrings,
  parse,
  requests,
  type Codec,
  type Framed,
  type IOStream,
  type IOStreamOptions,
  type PoolOptions,
  type Requests,
} from 'rxjs-io-stream';
import { describe, expect, it } from 'vitest';
import { inVirtualTime, type VirtualTime } from '../stream/tools.ts';
import { noteAll, pooled, type PeersOptions } from './pool-tools.ts';

const codec = lines({ maxLength: 100 });
const withRequests = (io: IOStream): ObservableInput<unknown> => of(requests(framed(io, codec)));
const withFramed = (io: IOStream): ObservableInput<unknown> => of(framed(io, codec));

/** A handler that sends a line, and emits the reply. */
const ask =
  (line: string) =>
  (_io: IOStream, session: unknown): ObservableInput<string> =>
    (session as Requests<string>).request(line);
/** A handler that sends a line, and reads one message. */
const readOne =
  (line: string) =>
  (_io: IOStream, session: unknown): ObservableInput<string> => {
    const { write, messages$ } = session as Framed<string>;
    write(line);
    return messages$.pipe(take(1));
  };

/** A peer that sends to its first line, of `a`, and to the second one, of `b`, what is given. Other connections get `2:<line>`. */
const scripted =
  (...replies: readonly string[]) =>
  (peer: IOStream, dial: number): void => {
    let count = 0;
    framed(peer, codec).messages$.subscribe({
      next: (line) => peer.write(dial === 1 ? (replies[count++] ?? '') : `${dial}:${line}\n`),
      error: () => {},
    });
  };

/** Runs `a` at 0, and `b` at 100. Notes their replies, and the end of each connection. */
function twoUses(
  settings: Partial<PoolOptions<IOStreamOptions, unknown>>,
  use: (line: string) => (io: IOStream, session: unknown) => ObservableInput<unknown>,
  peersOptions: PeersOptions,
  also?: (v: VirtualTime, peers: readonly IOStream[]) => void,
): string[] {
  return inVirtualTime(10_000, (v) => {
    const { db, peers } = pooled(v, settings, peersOptions);
    also?.(v, peers);
    for (const [index, line] of ['a', 'b'].entries()) v.at(index * 100, () => noteAll(v, line, db.use(use(line))));
  }).filter((line) => !line.includes('complete') && !/^\d{5} /.test(line));
}

const withPart = scripted('reply to a\nsecret of a', ' (tail)\nreply to b\n');
const CLOSED = ['0 a reply to a', '0 peer 1 closed by peer', '100 b 2:b'];

describe('a connection of a pool, with a session that reads', () => {
  it('is closed when the session has read a part of a message', () => {
    expect(twoUses({ open: withRequests }, ask, { serve: withPart })).toStrictEqual(CLOSED);
    expect(twoUses({ open: withFramed }, readOne, { serve: withPart })).toStrictEqual(CLOSED);
  });

  it('is closed when the session has decoded a message that is unread', () => {
    expect(twoUses({ open: withFramed }, readOne, { serve: scripted('reply to a\nsecret of a\n', 'reply to b\n') })).toStrictEqual(CLOSED);
  });

  it('is closed when a part of a message would be taken for a whole one at the end', () => {
    const emitting = lines({ maxLength: 100, unterminated: 'emit' });
    expect(twoUses({ open: (io: IOStream) => of(requests(framed(io, emitting))) }, ask, { serve: withPart })).toStrictEqual(CLOSED);
    // Also if `requests` of the handler reads it.
    expect(twoUses({}, (line) => (io) => requests(framed(io, emitting)).request(line), { serve: withPart })).toStrictEqual(CLOSED);
  });

  it('is closed after an error of the codec that leaves the stream open', () => {
    const short = lines({ maxLength: 10 });
    const log = twoUses({ open: (io: IOStream) => of(framed(io, short)) }, readOne, {
      serve: scripted('reply to a\nmuch too long\nrest', ' of a\nreply to b\n'),
      options: { isFatal: () => false },
    });
    expect(log).toStrictEqual(CLOSED);
  });

  it.each<[string, Codec<string>]>([
    ['lines', codec],
    ['netstrings', asText(netstrings({ maxLength: 100 }))],
    ['lengthPrefixed', asText(lengthPrefixed({ maxLength: 100, bytes: 2 }))],
    [
      'parse',
      asText(
        parse((link) => link.readUntil('\n', 100), { maxLength: 100, encode: (bytes: Uint8Array) => bytes }),
        '\n',
      ),
    ],
    ['operators', { encode: () => codec.encode(), decode: splitting }],
  ])('returns with a session of %s, however the replies are cut', (_name, each) => {
    const open = (io: IOStream): ObservableInput<unknown> => of(requests(framed(io, each)));
    for (const size of [1, 2, 3, 1000]) {
      const log = inVirtualTime(10_000, (v) => {
        const { db, dials } = pooled(v, { open, max: 1 }, { serve: (peer) => answerInPieces(v, peer, each, size) });
        for (const [index, line] of ['a', 'b', 'c'].entries()) {
          v.at(index * 100, () => noteAll(v, line, db.use(ask(line))));
          v.at(index * 100, () => noteAll(v, line, db.use(ask(line)))); // Waits for the first one.
        }
        v.at(900, () => v.note(`dials ${dials()}`));
      });
      const notes = log.filter((line) => /re |dials|error/.test(line)).map((line) => line.replace(/^\d+ /, ''));
      expect(notes).toStrictEqual(['a re a', 'a re a', 'b re b', 'b re b', 'c re c', 'c re c', 'dials 1']);
    }
  });

  it('is closed when a part of a message arrives while it is idle', () => {
    const serve = scripted('reply to a\n', 'reply to b\n');
    const log = twoUses({ open: withRequests }, ask, { serve }, (v, peers) => v.at(50, () => peers[1]?.write('secret')));
    expect(log).toStrictEqual(['0 a reply to a', '50 peer 1 closed by peer', '100 b 2:b']);
  });

  it('is closed when `validate` leaves a part of a message in the session', () => {
    const validate = (_io: unknown, session: unknown): ObservableInput<boolean> =>
      from((session as Requests<string>).request('ping')).pipe(map(() => true));
    const serve = scripted('reply to a\n', 'pong\nsecret', ' of the check\nreply to b\n');
    const log = twoUses({ open: withRequests, validate }, ask, { serve });
    expect(log.toSorted()).toStrictEqual(['0 a reply to a', '100 b 2:b', '100 peer 1 closed by peer']);
  });

  it('returns while a reply is due to a request that was given up, which gets it', () => {
    const log = twoUses(
      { open: withRequests },
      (line) => (io, session) => (line === 'a' ? race(ask('a')(io, session), timer(10).pipe(map(() => 'gave up'))) : ask('b')(io, session)),
      { serve: scripted('', 'reply to a\nreply to b\n') },
    );
    expect(log).toStrictEqual(['10 a gave up', '100 b reply to b']);
  });

  it('returns when a handler reads with a `framed` of its own beside an idle session', () => {
    const open = (io: IOStream): ObservableInput<unknown> => {
      const { messages$ } = framed(io, codec);
      return messages$.pipe(take(1));
    };
    const log = inVirtualTime(1000, (v) => {
      const serve = (peer: IOStream, dial: number): void => {
        peer.write('welcome\n');
        scripted('reply to a\n', 'reply to b\n')(peer, dial);
      };
      const { db } = pooled(v, { open }, { serve });
      const use = (line: string) => (io: IOStream, session: unknown) =>
        requests(framed(io, codec))
          .request(line)
          .pipe(map((reply) => `${String(session)}: ${reply}`));
      noteAll(v, 'a', db.use(use('a')));
      v.at(100, () => noteAll(v, 'b', db.use(use('b'))));
    });
    expect(log.filter((line) => line.includes('reply'))).toStrictEqual(['0 a welcome: reply to a', '100 b welcome: reply to b']);
  });

  it('is closed when the decoder of the session does not end with its input', () => {
    const log = inVirtualTime(1000, (v) => {
      const late: Codec<string> = {
        encode: () => codec.encode(),
        decode: () => (bytes$) => bytes$.pipe(codec.decode(), observeOn(v.scheduler)),
      };
      const { db } = pooled(v, { open: (io: IOStream) => of(requests(framed(io, late))) }, { serve: scripted('reply to a\n') });
      noteAll(v, 'a', db.use(ask('a')));
      v.at(100, () => noteAll(v, 'b', db.use(ask('b'))));
    });
    expect(log).toContain('100 b 2:b');
  });
});

/** Answers each message `x` with `re x`, in pieces of `size` bytes, one in each millisecond. */
function answerInPieces(v: VirtualTime, peer: IOStream, any: Codec<string>, size: number): void {
  const pieces = (bytes: Uint8Array): Uint8Array[] =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
  framed(peer, any)
    .messages$.pipe(
      mergeMap((text) => of(`re ${text}`).pipe(any.encode())),
      mergeMap((bytes) => pieces(bytes)),
      concatMap((piece) => timer(1, v.scheduler).pipe(map(() => piece))),
    )
    .subscribe({ next: (piece) => peer.write(piece), error: () => {} });
}

/** Decodes the bytes of a codec to text, without a delimiter at its end. */
function asText(bytes: Codec<Uint8Array, never> | Codec<Uint8Array>, end = ''): Codec<string> {
  return mapCodec(bytes as Codec<Uint8Array>, {
    decode: (frame) =>
      Buffer.from(frame)
        .toString()
        .slice(0, frame.length - end.length),
    encode: (text: string) => Buffer.from(text + end),
  });
}

/** Splits lines by operators alone. */
function splitting(): (bytes$: Observable<Uint8Array>) => Observable<string> {
  return (bytes$) =>
    new Observable((out) => {
      let rest = '';
      return bytes$.subscribe({
        next: (bytes) => {
          const [...all] = (rest + Buffer.from(bytes).toString()).split('\n');
          rest = all.pop() ?? '';
          for (const line of all) out.next(line);
        },
        error: (error: unknown) => out.error(error),
        complete: () => (rest === '' ? out.complete() : out.error(new Error('truncated'))),
      });
    });
}
