import { describe, expect, it } from 'vitest';
import { MAX_KEPT_BYTES, BODY_LIMIT, keepsOpen, readBody } from '../../src/protocol/http-body.ts';
import type { HttpHead } from '../../src/protocol/http-head.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { runConversation } from '../support/run-conversation.ts';

const head = (headers: Record<string, string> = {}, minor = 1): HttpHead => ({ minor, status: 407, reason: '', headers });
const CHUNKED = head({ 'transfer-encoding': 'chunked' });
const sized = (length: number | string): HttpHead => head({ 'content-length': String(length) });

interface Read {
  readonly text: string | undefined;
  readonly whole: boolean | undefined;
  readonly unread: string;
  readonly isWaiting: boolean;
}
const read = (
  of: HttpHead,
  chunks: readonly (string | Uint8Array)[],
  { skip = false, ...how }: { skip?: boolean; end?: boolean; broken?: unknown } = {},
): Read => {
  const { result, error, unread, isWaiting } = runConversation((link) => readBody(link, of, { skip }), chunks, how);
  expect(error).toBeUndefined();
  return { text: result && Buffer.from(result.bytes).toString('latin1'), whole: result?.whole, unread, isWaiting };
};

describe('readBody', () => {
  it.each([
    ['by Content-Length', sized(11), 'hello world'],
    ['by chunks', CHUNKED, '5\r\nhello\r\n006;a="b"\r\n world\r\n0\r\nTrailer: x\r\n\r\n'],
    ['by chunks that end with LF', CHUNKED, 'B\nhello world\n0\n\n'],
    [
      'by chunks, whatever Content-Length says',
      head({ 'transfer-encoding': 'gzip, Chunked', 'content-length': '3' }),
      'b\r\nhello world\r\n0\r\n\r\n',
    ],
    ['by several lengths that are equal', sized('11, 11'), 'hello world'],
  ])('reads one delimited %s to its end, however it is cut', (_, of, text) => {
    for (const { name, chunks } of rechunk(`${text}next`, { random: 200, empty: true }))
      expect(read(of, chunks, { skip: true }), name).toEqual({ text: 'hello world', whole: true, unread: 'next', isWaiting: false });
  });

  it.each([
    head(),
    head({ 'transfer-encoding': 'gzip' }),
    sized('many'),
    sized('5, 6'),
    sized(-1),
    head({ 'transfer-encoding': 'chunked, gzip' }),
  ])('reads %j up to the end of the connection', (of) => {
    expect(read(of, ['hello', ' world'])).toMatchObject({ isWaiting: true });
    expect(read(of, ['hello', ' world'], { end: true })).toMatchObject({ text: 'hello world', whole: false });
  });

  it('needs nothing for an empty one', () => {
    expect(read(sized(0), [])).toMatchObject({ text: '', whole: true });
    expect(read(CHUNKED, ['0\r\n\r\n'], { skip: true })).toMatchObject({ text: '', whole: true });
  });

  it('keeps the first KiB, and reads no more without skip', () => {
    const long = 'x'.repeat(MAX_KEPT_BYTES);
    expect(read(sized(3000), [`${long}rest`])).toEqual({ text: long, whole: false, unread: 'rest', isWaiting: false });
    expect(read(head(), [`${long}rest`])).toEqual({ text: long, whole: false, unread: 'rest', isWaiting: false });
    expect(read(CHUNKED, [`bb8\r\n${long}rest`])).toEqual({ text: long, whole: false, unread: 'rest', isWaiting: false });
  });

  it('reads the rest with skip, up to its limit', () => {
    for (const over of [0, 1]) {
      const body = 'x'.repeat(BODY_LIMIT + over);
      const whole = over === 0;
      expect(read(sized(body.length), [`${body}next`], { skip: true })).toMatchObject({ whole, unread: whole ? 'next' : 'xnext' });
    }
  });

  it('gives up chunks, sizes and trailers that never end', () => {
    const endless = 'x'.repeat(2 * BODY_LIMIT);
    for (const text of [
      `1\r\nx\r\n`.repeat(BODY_LIMIT),
      endless,
      `0\r\n${'a: b\r\n'.repeat(BODY_LIMIT)}`,
      `0\r\n${endless}`,
      `1;${endless}`,
    ])
      expect(read(CHUNKED, [text], { skip: true })).toMatchObject({ whole: false, isWaiting: false });
  });

  it.each(['x\r\n', '\r\n', '-1\r\n', '123456789\r\n', '5\r\nhelloworld\r\n', '5 5\r\nhello\r\n'])(
    'gives up at the malformed chunks %j',
    (text) => {
      expect(read(CHUNKED, [text], { skip: true })).toMatchObject({ whole: false, isWaiting: false });
    },
  );

  it.each(['x', '-', '1x', '1 x', '1\rx', '123456789', '1\r\nyx', '1\r\ny\rx'])('gives up at once at %j, which can be no chunk', (text) => {
    expect(read(CHUNKED, [text.slice(0, -1)], { skip: true })).toMatchObject({ isWaiting: true });
    expect(read(CHUNKED, [text], { skip: true })).toMatchObject({ whole: false, isWaiting: false });
  });

  it('keeps what came before an early end, wherever that is', () => {
    const text = 'hello world';
    for (let length = 0; length < text.length; length += 1)
      expect(read(sized(text.length), [text.slice(0, length)], { end: true })).toMatchObject({ text: text.slice(0, length), whole: false });
  });

  it('returns what stopped it, and the bytes before: an early end, or an error of the wire', () => {
    const broken = new Error('why');
    const stopped = (how: { end?: boolean; broken?: unknown }): unknown =>
      runConversation((link) => readBody(link, sized(9)), ['abc'], how).result?.stopped;
    expect(read(sized(9), ['abc'], { broken })).toMatchObject({ text: 'abc', whole: false });
    expect(stopped({ broken })).toBe(broken);
    expect(stopped({ end: true })).toMatchObject({ code: 'EPROXY' });
    expect(runConversation((link) => readBody(link, sized(3)), ['abc']).result).not.toHaveProperty('stopped');
  });
});

describe('keepsOpen', () => {
  it.each([
    ['HTTP/1.1 with a length', sized(1), true],
    ['HTTP/1.1 with chunks', CHUNKED, true],
    ['a body up to the end', head(), false],
    ['HTTP/1.0', head({ 'content-length': '1' }, 0), false],
    ['HTTP/1.0 with Connection: keep-alive', head({ 'content-length': '1', connection: 'x, Keep-Alive' }, 0), true],
    ['HTTP/1.0 with Proxy-Connection: keep-alive', head({ 'content-length': '1', 'proxy-connection': 'keep-alive' }, 0), true],
    [
      'HTTP/1.0 with keep-alive and close',
      head({ 'content-length': '1', connection: 'keep-alive', 'proxy-connection': 'close' }, 0),
      false,
    ],
    [
      'HTTP/1.0 with keep-alive and chunks, which it does not have',
      head({ 'transfer-encoding': 'chunked', connection: 'keep-alive' }, 0),
      false,
    ],
    ['HTTP/1.0 with keep-alive and a body up to the end', head({ connection: 'keep-alive' }, 0), false],
    ['Connection: close', head({ 'content-length': '1', connection: 'Close' }), false],
    ['Proxy-Connection: close', head({ 'content-length': '1', 'proxy-connection': 'close' }), false],
  ])('%s: %#', (_, of, expected) => expect(keepsOpen(of)).toBe(expected));
});
