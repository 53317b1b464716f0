import { from, of, Subject, take, takeUntil } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { parse, type ParseOptions } from '../../src/codecs/parse.ts';
import type { Reader } from '../../src/codecs/parser.ts';
import { EFRAMELIMIT, EPROTOCOL, type IOStreamError } from '../../src/errors.ts';
import type { Talk } from '../../src/protocol/need.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { assertFails, bytesOf, decoded, keepsTheContract, outcome } from './codec-contract.ts';

type Reply = string | number | null | Error | readonly Reply[];

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** RESP 2, the protocol of Redis. */
function* reply(link: Reader): Talk<Reply> {
  const line = text(yield* link.readUntil('\r\n', 64)).slice(0, -2);
  const [kind, rest] = [line[0], line.slice(1)];
  if (kind === '+') return rest;
  if (kind === '-') return new Error(rest);
  if (kind === ':') return Number(rest);
  if (rest === '-1') return null;
  if (kind === '$') return text(yield* link.read(Number(rest) + 2)).slice(0, -2);
  if (kind !== '*') throw new Error(`no reply begins with ${kind}`);
  const list: Reply[] = [];
  for (let left = Number(rest); left > 0; left -= 1) list.push(yield* reply(link));
  return list;
}

const command = (words: readonly string[]): string =>
  [`*${words.length}`, ...words.flatMap((word) => [`$${Buffer.byteLength(word)}`, word]), ''].join('\r\n');

const resp = parse(reply, { maxLength: 64, encode: command });

const names = {
  *talk(link: Reader): Talk<string> {
    const [length = 0] = yield* link.read(1);
    return text(yield* link.read(length));
  },
};

describe('parse', () => {
  const huge = 'x'.repeat(2 ** 19);
  keepsTheContract({
    codec: resp,
    messages: [['PING'], ['SET', 'käse', '\r\n'], []],
    frames: ['*1\r\n$4\r\nPING\r\n', '*3\r\n$3\r\nSET\r\n$5\r\nkäse\r\n$2\r\n\r\n\r\n', '*0\r\n'],
    tooLong: '$63\r\n',
    huge: { codec: parse(reply, { maxLength: 2 ** 20, encode: command }), message: [huge] },
  });

  it('decodes replies of RESP, including nested ones', () => {
    const bytes = '+OK\r\n-ERR no\r\n:-7\r\n$-1\r\n$0\r\n\r\n*2\r\n:1\r\n*2\r\n+a\r\n*-1\r\n';
    for (const { chunks } of rechunk(bytes))
      expect(decoded(resp, chunks)).toStrictEqual({ values: ['OK', new Error('ERR no'), -7, null, '', [1, ['a', null]]], end: 'complete' });
  });

  it('counts all bytes of a message toward maxLength, even if read in many small parts', () => {
    for (const { chunks } of rechunk(`+OK\r\n*99\r\n${':1\r\n'.repeat(99)}`, { single: 10 }))
      assertFails(decoded(resp, chunks), EFRAMELIMIT, 'read', ['OK']);
  });

  it('rejects a missing delimiter at the limit of the message, or of the search', () => {
    const until = (limit: number, maxLength: number) => parse((link) => link.readUntil('\n', limit), { maxLength });
    for (const { chunks } of rechunk('12345678\n')) {
      assertFails(decoded(until(Infinity, 8), chunks), EFRAMELIMIT, 'read', []);
      assertFails(decoded(until(8, 99), chunks), EPROTOCOL, 'read', []);
      expect(decoded(until(9, 9), chunks).values).toStrictEqual(['12345678\n']);
    }
  });

  it('reports what the generator throws as EPROTOCOL with the cause, after all messages before it', () => {
    const result = decoded(resp, ['+OK\r\n!x\r\n']);
    assertFails(result, EPROTOCOL, 'read', ['OK']);
    expect((result.error as IOStreamError).cause).toStrictEqual(new Error('no reply begins with !'));
  });

  it('reports the limit of a search, and rejects an invalid one', () => {
    const until = (limit: number) => parse((link) => link.readUntil('\n', limit), { maxLength: 99 });
    expect(String(decoded(until(3), ['1234']).error)).toMatch(/no delimiter within 3 bytes, itself included/);
    for (const limit of [undefined as never, NaN, -1, 1.5, '9' as never]) {
      const { error } = decoded(until(limit), ['abc\n']);
      expect(String((error as IOStreamError).cause)).toMatch(/TypeError: expected `limit` of link.readUntil to be a number of bytes/);
    }
  });

  it('rejects an invalid length to read', () => {
    for (const length of ['x', '-2', '1.5', '1e99', '']) assertFails(decoded(resp, [`$${length}\r\nabc\r\n`]), EPROTOCOL, 'read');
  });

  it('rejects a generator that reads nothing, instead of calling it forever', () => {
    function* nothing(link: Reader): Talk<string> {
      yield* link.read(0);
      return '';
    }
    const result = decoded(parse(nothing, { maxLength: 8 }), ['x']);
    assertFails(result, EPROTOCOL, 'read', []);
    expect((result.error as IOStreamError).cause).toBeInstanceOf(TypeError);
  });

  it('rejects a generator that waits for anything but bytes', () => {
    const waits = (link: Reader): Talk<string> => (link as unknown as { wait(start: () => string[]): Talk<string> }).wait(() => ['x']);
    assertFails(decoded(parse(waits, { maxLength: 8 }), ['x']), EPROTOCOL, 'read', []);
  });

  it('runs the finally blocks of the generator however it ends', () => {
    const log: string[] = [];
    function* tidy(link: Reader): Talk<string> {
      try {
        return text(yield* link.read(2));
      } finally {
        log.push('tidied');
      }
    }
    const codec = parse(tidy, { maxLength: 8 });
    const bytes$ = new Subject<Uint8Array>();
    const subscription = bytes$.pipe(codec.decode()).subscribe();
    bytes$.next(bytesOf('abc'));
    expect(log).toStrictEqual(['tidied']);
    subscription.unsubscribe();
    expect(log).toStrictEqual(['tidied', 'tidied']);
    assertFails(decoded(codec, ['a']), EPROTOCOL, 'read');
    expect(log).toStrictEqual(['tidied', 'tidied', 'tidied']);
  });

  it('decodes a message after the previous one has been emitted, and none after unsubscribe', () => {
    const log: string[] = [];
    function* logged(link: Reader): Talk<string> {
      const letter = text(yield* link.read(1));
      log.push(`made ${letter}`);
      return letter;
    }
    of(bytesOf('abcd'))
      .pipe(parse(logged, { maxLength: 8 }).decode(), take(2))
      .subscribe((letter) => log.push(`took ${letter}`));
    expect(log).toStrictEqual(['made a', 'took a', 'made b', 'took b']);
  });

  it('does not call the generator before bytes arrive', () => {
    let runs = 0;
    function* counted(link: Reader): Talk<Uint8Array> {
      runs += 1;
      return yield* link.read(1);
    }
    expect(decoded(parse(counted, { maxLength: 8 }), [])).toStrictEqual({ values: [], end: 'complete' });
    expect(runs).toBe(0);
  });

  it('calls the generator for the next message when its first byte arrives', () => {
    let runs = 0;
    function* counted(link: Reader): Talk<Uint8Array> {
      runs += 1;
      return yield* link.read(1);
    }
    const bytes$ = new Subject<Uint8Array>();
    bytes$.pipe(parse(counted, { maxLength: 8 }).decode()).subscribe();
    bytes$.next(bytesOf('a'));
    expect(runs).toBe(1);
    bytes$.next(bytesOf('bc'));
    expect(runs).toBe(3);
  });

  it('reads in the order of the `yield*` expressions, not of the calls of link.read', () => {
    function* swapped(link: Reader): Talk<string> {
      const [two, one] = [link.read(2), link.read(1)];
      return `${text(yield* one)} ${text(yield* two)}`;
    }
    for (const { chunks } of rechunk('abcdef'))
      expect(decoded(parse(swapped, { maxLength: 8 }), chunks).values).toStrictEqual(['a bc', 'd ef']);
  });

  it('does not throw the errors of the limit and of the end into the generator', () => {
    const caught: unknown[] = [];
    const catching = (ask: (link: Reader) => Talk<Uint8Array>) =>
      parse(
        function* (link) {
          try {
            return yield* ask(link);
          } catch (error) {
            caught.push(error);
            return '';
          }
        },
        { maxLength: 4 },
      );
    for (const { chunks } of rechunk('12345\n')) {
      assertFails(
        decoded(
          catching((link) => link.read(5)),
          chunks,
        ),
        EFRAMELIMIT,
        'read',
        [],
      );
      assertFails(
        decoded(
          catching((link) => link.readUntil('\n', 99)),
          chunks,
        ),
        EFRAMELIMIT,
        'read',
        [],
      );
      assertFails(
        decoded(
          catching((link) => link.readUntil('\n', 3)),
          chunks,
        ),
        EPROTOCOL,
        'read',
        [],
      );
    }
    expect(caught).toStrictEqual([]);
  });

  it('resumes no generator that unsubscribed its own decoder, but runs its finally blocks', () => {
    const log: string[] = [];
    const gone$ = new Subject<void>();
    function* leaving(link: Reader): Talk<string> {
      try {
        log.push(text(yield* link.read(1)));
        gone$.next();
        log.push(text(yield* link.read(1)));
        return 'message';
      } finally {
        log.push('tidied');
      }
    }
    const result = outcome(of(bytesOf('abc')).pipe(parse(leaving, { maxLength: 8 }).decode(), takeUntil(gone$)));
    expect(result).toStrictEqual({ values: [], end: 'complete' });
    expect(log).toStrictEqual(['a', 'tidied']);
  });

  it('does not keep a large chunk for the few bytes of an unfinished message', async () => {
    const bytes$ = new Subject<Uint8Array>();
    const messages: string[] = [];
    bytes$.pipe(parse(names.talk, { maxLength: 8 }).decode()).subscribe((message) => messages.push(message));
    const push = (): WeakRef<object> => {
      const slab = new Uint8Array(65_536);
      slab.set([1, 97, 2, 98]);
      bytes$.next(slab.subarray(0, 4));
      return new WeakRef(slab.buffer);
    };
    const slab = push();
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc?.();
    expect(slab.deref()).toBeUndefined();
    bytes$.next(Uint8Array.of(99));
    expect(messages).toEqual(['a', 'bc']);
  });

  it('encodes bytes and text unchanged, and rejects other values', () => {
    const codec = parse(names.talk, { maxLength: 8 });
    expect(outcome(of('ä', Uint8Array.of(7)).pipe(codec.encode())).values).toStrictEqual(['\xc3\xa4', '\x07']);
    assertFails(outcome(from([7] as never[]).pipe(codec.encode())), EPROTOCOL, 'write', []);
  });

  it('throws a TypeError for wrong arguments at the call', () => {
    expect(() => parse(names.talk, {} as ParseOptions<never>)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/expected `maxLength`/) }),
    );
    expect(() => parse(undefined as never, { maxLength: 9 })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/generator function/) }),
    );
  });
});
