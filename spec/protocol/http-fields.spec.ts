import { describe, expect, it } from 'vitest';
import { basic, fieldsOf, type HeadersInput } from '../../src/protocol/http-fields.ts';

describe('fieldsOf', () => {
  it('takes a record, pairs and a Map, in order', () => {
    const pairs = [
      ['A', '1'],
      ['B', ''],
    ] as const;
    for (const given of [Object.fromEntries(pairs), pairs, new Map(pairs), new Headers([...pairs].map((pair) => [...pair]))])
      expect(fieldsOf(given).map(([name, value]) => [name.toUpperCase(), value])).toEqual(pairs);
  });

  it('keeps a name that comes twice', () => {
    expect(
      fieldsOf([
        ['A', '1'],
        ['a', '2'],
      ]),
    ).toHaveLength(2);
  });

  it.each<[unknown, string]>([
    [null, 'a record or pairs'],
    ['A: b', 'a record or pairs'],
    [{ 'A b': 'c' }, 'tokens'],
    [{ '': 'c' }, 'tokens'],
    [{ 'A:': 'c' }, 'tokens'],
    [{ 'A\r\nB': 'c' }, 'tokens'],
    [['A'], 'tokens'],
    [{ Host: 'x' }, 'Host'],
    [{ 'CONTENT-length': '1' }, 'CONTENT-length'],
    [{ 'transfer-encoding': 'chunked' }, 'transfer-encoding'],
    [{ A: 1 }, '`A`'],
    [{ 'Proxy-Authorization: Basic hunter2': 'c' }, 'tokens'],
  ])('refuses %j', (given, words) => {
    expect(() => fieldsOf(given as HeadersInput)).toThrow(TypeError);
    expect(() => fieldsOf(given as HeadersInput)).toThrow(words);
    expect(() => fieldsOf(given as HeadersInput)).not.toThrow('hunter2');
  });

  it.each(['\r', '\n', '\0', '\x7f', '\u001b'])('rejects a value with %j, without that value in the error', (control) => {
    const refused = (): unknown => fieldsOf({ 'X-Key': `secret${control}Evil: yes` });
    expect(refused).toThrow(TypeError);
    expect(refused).not.toThrow('secret');
  });
});

describe('basic', () => {
  it.each([
    ['Aladdin', 'open sesame', 'QWxhZGRpbjpvcGVuIHNlc2FtZQ=='],
    ['test', '123£', 'dGVzdDoxMjPCow=='],
    ['', '', 'Og=='],
    ['u', ':p:', 'dTo6cDo='],
  ])('encodes %j and %j as in RFC 7617', (user, pass, encoded) => expect(basic(user, pass)).toBe(`Basic ${encoded}`));

  it.each<[unknown, unknown, string]>([
    ['a:b', 'secret', '`user`'],
    ['a\r\nb', 'secret', '`user`'],
    [1, 'secret', '`user`'],
    ['a', 'secret\r\nEvil: yes', '`pass`'],
    ['a', 'secret\0', '`pass`'],
    ['a', 'secret\t', '`pass`'],
    ['a', 7, '`pass`'],
  ])('rejects %j with %j, without the password in the error', (user, pass, words) => {
    expect(() => basic(user, pass)).toThrow(TypeError);
    expect(() => basic(user, pass)).toThrow(words);
    expect(() => basic(user, pass)).not.toThrow('secret');
  });
});
