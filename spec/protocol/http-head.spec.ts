import { describe, expect, it } from 'vitest';
import { HEAD_LIMIT, readHead, tokensOf, type HttpHead } from '../../src/protocol/http-head.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { runConversation, type ConversationResult } from '../support/run-conversation.ts';
import { cpuTime } from '../support/cpu-time.ts';

const run = (...chunks: readonly (string | Uint8Array)[]): ConversationResult<HttpHead> => runConversation(readHead, chunks);
const headOf = (text: string): HttpHead | undefined => run(text).result;
const bytewise = (text: string): readonly string[] => Array.from({ length: text.length }, (_, at) => text.slice(at, at + 1));
const STATUS = 'HTTP/1.1 200 OK\r\n';

/** A head of the given number of bytes, including its empty line: one long header. */
const headOfLength = (length: number): string => `${STATUS}X: ${'x'.repeat(length - STATUS.length - 'X: \r\n\r\n'.length)}\r\n\r\n`;

describe('readHead', () => {
  it('reads version, status, reason and headers, and leaves what follows the empty line', () => {
    expect(run('HTTP/1.1 200 Connection established\r\nVia: 1.1 a\r\nX-Y:z\r\n\r\npayload')).toMatchObject({
      result: { minor: 1, status: 200, reason: 'Connection established', headers: { via: '1.1 a', 'x-y': 'z' } },
      unread: 'payload',
    });
  });

  it('gives the same however the bytes are cut', () => {
    const text = 'HTTP/1.0 407 Proxy  Authentication\tRequired \r\nA: 1\r\na:2\t\r\nB:\r\n\r\nleft\r\n\r\n';
    const whole = run(text);
    expect(whole.result?.headers).toEqual({ a: '1, 2', b: '' });
    for (const { name, chunks } of rechunk(text, { random: 10_000, empty: true })) expect(run(...chunks), name).toEqual(whole);
  });

  it.each([
    ['HTTP/1.1 200', 200, ''],
    ['HTTP/1.1 200 ', 200, ''],
    ['HTTP/1.0 204 No Content', 204, 'No Content'],
    ['HTTP/1.1  503   Service   Unavailable  ', 503, 'Service   Unavailable'],
    ['HTTP/1.9\t299 \xe9', 299, '\xe9'],
  ])('reads the status line %j', (line, status, reason) => {
    expect(headOf(`${line}\r\n\r\n`)).toMatchObject({ status, reason });
  });

  it.each([0, 1, 20])('reads %i headers', (count) => {
    const fields = Array.from({ length: count }, (_, at) => `X-${at}: ${at}\r\n`).join('');
    expect(Object.keys(headOf(`${STATUS}${fields}\r\n`)?.headers ?? { none: '' })).toHaveLength(count);
  });

  it('takes LF for the end of a line, too', () => {
    expect(run('HTTP/1.1 200 OK\nA: b\n\nleft')).toMatchObject({ result: { reason: 'OK', headers: { a: 'b' } }, unread: 'left' });
  });

  it('keeps a header with the name of a part of every object', () => {
    const { headers } = headOf(`${STATUS}__proto__: x\r\nconstructor: y\r\n\r\n`) ?? {};
    expect(Object.entries(headers ?? {})).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  it('accepts a head of 16,384 bytes and rejects one of 16,385, however they are cut', () => {
    const fits = headOfLength(HEAD_LIMIT);
    expect([HEAD_LIMIT, fits.length]).toEqual([16_384, 16_384]);
    expect(run(`${fits}left`)).toMatchObject({ result: { status: 200 }, unread: 'left' });
    expect(run(...bytewise(fits)).result?.status).toBe(200);
    for (const cut of [[headOfLength(HEAD_LIMIT + 1)], bytewise(headOfLength(HEAD_LIMIT + 1))])
      expect(run(...cut).error).toMatchObject({ code: 'EPROTOCOL', phase: 'handshake' });
  });

  it('refuses a head whose lines fill the limit exactly', () => {
    const line = `X: ${'x'.repeat(HEAD_LIMIT - STATUS.length - 'X: \r\n'.length)}\r\n`;
    expect(run(`${STATUS}${line}`).error).toMatchObject({
      code: 'EPROTOCOL',
      message: expect.stringContaining('16384 bytes') as string,
    });
  });

  it('states the whole limit, whatever part of it remained', () => {
    for (const text of [headOfLength(HEAD_LIMIT + 1), `${STATUS}${'X: y\r\n'.repeat(2726)}X`.padEnd(HEAD_LIMIT + 1, 'x')])
      expect(run(text).error).toMatchObject({ message: 'the head of the reply is larger than 16384 bytes [EPROTOCOL]' });
  });

  it.each([
    ['one line of 1 MiB', `${STATUS}X: ${'x'.repeat(2 ** 20)}`],
    ['a status line of 1 MiB', `HTTP/1.1 200 ${'x'.repeat(2 ** 20)}`],
    ['10,000 tiny headers', `${STATUS}${'a:b\r\n'.repeat(10_000)}\r\n`],
  ])('refuses %s, in chunks of any size', (_, text) => {
    for (const size of [text.length, 1000, 1]) {
      const chunks = Array.from({ length: Math.min(20_000, Math.ceil(text.length / size)) }, (_, at) =>
        text.slice(at * size, (at + 1) * size),
      );
      expect(run(...chunks).error).toMatchObject({ code: 'EPROTOCOL' });
    }
  });

  it.each([
    ['a NUL', 'A: b\0c'],
    ['a lone CR', 'A: b\rc'],
    ['a CR before CRLF', 'A: b\r'],
    ['an escape', 'A: \u001b[31m'],
    ['a space before the colon', 'A : b'],
    ['no colon', 'nothing'],
    ['no name', ': b'],
    ['a name that is no token', 'A(b): c'],
  ])('refuses a header with %s', (_, line) => {
    for (const { name, chunks } of rechunk(`${STATUS}${line}\r\n\r\n`))
      expect(run(...chunks).error, name).toMatchObject({ code: 'EPROTOCOL' });
  });

  it.each([
    'HTTP/2.0 200 OK',
    'ICY 200 OK',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 099 OK',
    'HTTP/1.1200 OK',
    'HTTP/1.1 200OK',
    'HTTP/1.1 2\x0000',
  ])('refuses the status line %j', (line) => expect(run(`${line}\r\n\r\n`).error).toMatchObject({ code: 'EPROTOCOL' }));

  it.each([
    ['Via: 1.1 a\r\n (b)', '1.1 a (b)'],
    ['Via: 1.1 a \r\n\t  (b) ', '1.1 a (b)'],
    ['Via: 1.1 a\n (b)', '1.1 a (b)'],
    ['Via: 1.1\r\n a\r\n (b)', '1.1 a (b)'],
    ['Via:\r\n 1.1 a', '1.1 a'],
    ['Via: 1.1 a\r\n \r\n\t\r\n (b)', '1.1 a (b)'],
    ['Via: 1.1 a\r\nVia: 1.1\r\n b', '1.1 a, 1.1 b'],
    ['Via: 1.1 a\r\n X: y', '1.1 a X: y'],
  ])('reads the folded header %j as one', (lines, via) => {
    for (const { name, chunks } of rechunk(`${STATUS}${lines}\r\nZ: z\r\n\r\nleft`))
      expect(run(...chunks), name).toMatchObject({ result: { headers: { via, z: 'z' } }, unread: 'left' });
  });

  it('refuses a fold that has no header before it', () => {
    expect(run(`${STATUS} X: y\r\n\r\n`).error).toMatchObject({ code: 'EPROTOCOL' });
  });

  it.each([
    '\x9f',
    'S',
    'HTTX',
    'HTTP/2',
    'HTTP/1.x',
    'HTTP/1.1x',
    'HTTP/1.1\r',
    'HTTP/1.1 0',
    'HTTP/1.1  x',
    'HTTP/1.1 20x',
    'HTTP/1.1 20\n',
    'HTTP/1.1 2000',
    'HTTP/1.1 200 \0',
    'HTTP/1.1 200 O\rx',
    `${STATUS} `,
    `${STATUS}:`,
    `${STATUS}A\r`,
    `${STATUS}A `,
    `${STATUS}A: \x7f`,
    `${STATUS}A: b\rc`,
    `${STATUS}A: b\r\n\rx`,
  ])('refuses %j at its last byte, and waits for more before that', (text) => {
    expect(run(text.slice(0, -1))).toMatchObject({ isWaiting: true });
    expect(run(text).error).toMatchObject({ code: 'EPROTOCOL', phase: 'handshake' });
  });

  it.each([
    ['SSH-2.0-OpenSSH_9.6\r\n', String.raw`"SSH-2.0-OpenSSH_9.6\r\n"`],
    ['220 smtp.test ESMTP\r\n', String.raw`"220 smtp.test ESMTP\r\n"`],
    ['<html>'.repeat(20), `"${'<html>'.repeat(6)}<htm"…`],
    ['\x15\x03\x01\0\x02\x02F', '"\\u0015\\u0003\\u0001\\u0000\\u0002\\u0002F" (TLS; lay `tlsClient` below the plugin of the proxy)'],
    ['\x05\0', String.raw`"\u0005\u0000" (SOCKS5)`],
    ['\0\x5b', String.raw`"\u0000[" (SOCKS4)`],
    ['\x9b31m', String.raw`"\u009b31m"`],
    ['HTTP/1.1 20 OK\r\n', String.raw`"HTTP/1.1 20 OK\r\n"`],
  ])('quotes the first bytes of %j', (text, quote) => {
    expect(run(text).error).toMatchObject({ message: `the reply has no status line of HTTP/1: ${quote} [EPROTOCOL]` });
  });

  it('is linear in spaces and folds, too', () => {
    const start = cpuTime();
    for (let round = 0; round < 20; round += 1) run(`${STATUS}A:${' '.repeat(16_000)}b${' '.repeat(300)}\r\n\r\n`);
    for (let round = 0; round < 20; round += 1) run(`${STATUS}A: b\r\n${' x\n'.repeat(5000)}\r\n`);
    expect(cpuTime() - start).toBeLessThan(2000);
  });
});

describe('tokensOf', () => {
  it('reads a list of tokens, whatever their case and the spaces around them', () => {
    const head = headOf(`${STATUS}Connection: keep-alive , CLOSE\r\nX: closed\r\n\r\n`);
    expect(head && ['connection', 'x', 'none'].map((name) => tokensOf(head, name))).toEqual([['keep-alive', 'close'], ['closed'], ['']]);
  });
});
