import type { LookupAddress, LookupAllOptions } from 'node:dns';
import { describe, expect, it } from 'vitest';
import { resolve, type Lookup, type ResolveOptions } from '../../src/wire/resolve.ts';
import { spec } from '../support/spec.ts';

const V4 = { address: '192.0.2.1', family: 4 };
const V4B = { address: '192.0.2.2', family: 4 };
const V6 = { address: '2001:db8::1', family: 6 };
const V6B = { address: '2001:db8::2', family: 6 };

type Answer = Parameters<Lookup>[2];

/** A lookup function that answers with these arguments, from inside the call. */
const answering =
  (...args: unknown[]): Lookup =>
  (_host, _options, callback) =>
    (callback as (...all: unknown[]) => void)(...args);

function ask(host: string, options: ResolveOptions): { found: LookupAddress[][]; ended: unknown } {
  const seen: { found: LookupAddress[][]; ended: unknown } = { found: [], ended: 'open' };
  resolve(host, options).subscribe({
    next: (addresses) => seen.found.push(addresses),
    error: (error: unknown) => (seen.ended = error),
    complete: () => (seen.ended = 'complete'),
  });
  return seen;
}

describe('resolve', () => {
  it.each([
    ['127.0.0.1', 4],
    ['::1', 6],
    ['fe80::1%lo', 6],
  ])('takes %s as it is, without asking anybody', (host, family) => {
    const lookup: Lookup = () => {
      throw new Error('asked');
    };
    expect(ask(host, { lookup })).toEqual({ found: [[{ address: host, family }]], ended: 'complete' });
  });

  it('looks up all addresses of the given family, in the order of the resolver', () => {
    const asked: [string, LookupAllOptions][] = [];
    const lookup: Lookup = (host, options) => void asked.push([host, options]);
    ask('example.com', { lookup });
    ask('example.com', { lookup, family: 6 });
    expect(asked).toEqual([
      ['example.com', { all: true, family: 0, verbatim: true }],
      ['example.com', { all: true, family: 6, verbatim: true }],
    ]);
  });

  it('looks up at each subscription, and not before', () => {
    let asked = 0;
    const resolve$ = resolve('example.com', { lookup: () => (asked += 1) });
    expect(asked).toBe(0);
    resolve$.subscribe().unsubscribe();
    resolve$.subscribe().unsubscribe();
    expect(asked).toBe(2);
  });

  it.each([
    ['one', [V4], [V4]],
    ['two families, in turns from the first', [V6, V6B, V4, V4B], [V6, V4, V6B, V4B]],
    ['more of the first', [V4, V4B, V6], [V4, V6, V4B]],
    ['more of the second', [V4, V6, V6B], [V4, V6, V6B]],
  ])('interleaves addresses: %s', (_, answer, expected) => {
    expect(ask('x', { lookup: answering(null, answer) })).toEqual({ found: [expected], ended: 'complete' });
  });

  it.each<[string, unknown[]]>([
    ['one address and its family', ['192.0.2.1', 4]],
    ['one address alone', ['192.0.2.1']],
    ['a list of strings', [['192.0.2.1']]],
    ['one record', [V4]],
    ['a family in words', [[{ address: '192.0.2.1', family: 'IPv4' }]]],
  ])('understands a lookup function that answers %s', (_, args) => {
    expect(ask('x', { lookup: answering(null, ...args) })).toEqual({ found: [[V4]], ended: 'complete' });
  });

  it('drops addresses of the wrong family', () => {
    expect(ask('x', { family: 4, lookup: answering(null, [V6, V4, V6B]) }).found).toEqual([[V4]]);
  });

  it('drops answers that are no address, so that they are not resolved a second time', () => {
    expect(ask('x', { lookup: answering(null, [{ address: 'localhost', family: 4 }, V4]) }).found).toEqual([[V4]]);
  });

  describe('errors with EDNS', () => {
    it.each<[string, ResolveOptions, string, string]>([
      [
        'when the lookup fails',
        { lookup: answering(Object.assign(new Error('getaddrinfo ENOTFOUND x'), { code: 'ENOTFOUND' })) },
        'ENOTFOUND',
        'ENOTFOUND',
      ],
      ['for an empty list', { lookup: answering(null, []) }, 'ENODATA', 'the lookup returned none'],
      ['for no answer at all', { lookup: answering(null, undefined) }, 'ENODATA', 'the lookup returned none'],
      ['for an answer of nonsense', { lookup: answering(null, [null, {}, 7, 'nonsense']) }, 'ENODATA', 'the lookup returned none'],
      ['when none is of the family', { family: 6, lookup: answering(null, [V4]) }, 'ENODATA', 'the lookup returned none of family 6'],
    ])('%s', (_, options, code, text) => {
      const { found, ended } = ask('example.com', options);
      expect(found).toEqual([]);
      expect(ended).toMatchObject({ code: 'EDNS', errno: -10200, phase: 'resolve', fatal: true, cause: { code } });
      expect((ended as Error).message).toBe(`no address for 'example.com': ${text} [EDNS]`);
    });

    it('when the lookup function throws', () => {
      const cause = new Error('boom');
      const lookup = (): never => {
        throw cause;
      };
      const { ended } = ask('x', { lookup });
      expect(ended).toMatchObject({ code: 'EDNS', phase: 'resolve' });
      expect((ended as Error).cause).toBe(cause);
    });

    spec('for a name that cannot exist', async (h) => {
      const seen = await h.observed(resolve('no-such-name.invalid', {})).ended;
      h.error(seen.error, { code: 'EDNS', phase: 'resolve' });
      expect(['ENOTFOUND', 'EAI_AGAIN']).toContain(((seen.error as Error).cause as NodeJS.ErrnoException).code);
    });
  });

  it('takes the first answer of a lookup function that answers twice, also of one that throws afterwards', () => {
    const lookup: Lookup = (_host, _options, callback) => {
      callback(null, [V4]);
      callback(new Error('again'), []);
      throw new Error('and again');
    };
    expect(ask('x', { lookup })).toEqual({ found: [[V4]], ended: 'complete' });
  });

  it('ignores an answer that comes after unsubscribe', () => {
    let answer: Answer | undefined;
    const seen: unknown[] = [];
    const lookup: Lookup = (_host, _options, callback) => (answer = callback);
    resolve('x', { lookup })
      .subscribe({ next: (found) => seen.push(found), error: (error: unknown) => seen.push(error) })
      .unsubscribe();
    answer?.(null, [V4]);
    answer?.(new Error('late'), []);
    expect(seen).toEqual([]);
  });

  spec('finds localhost with the resolver of the system', async (h) => {
    const seen = await h.observed(resolve('localhost', { family: 4 })).ended;
    expect(seen).toMatchObject({ state: 'complete', values: [[{ address: '127.0.0.1', family: 4 }]] });
  });
});
