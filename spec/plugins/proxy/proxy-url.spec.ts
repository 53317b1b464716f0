import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isUrl, readProxyUrl } from '../../../src/plugins/proxy/proxy-url.ts';

const RULES = { caller: 'tool', schemes: ['a:', 'b:'], port: 7, advice: { 'https:': 'do this' } };

describe('readProxyUrl', () => {
  it.each<[string, unknown]>([
    ['a://host', { host: 'host', port: 7 }],
    ['b://host:1/', { host: 'host', port: 1 }],
    ['A://host:65535', { host: 'host', port: 65535 }],
    ['a://[2001:db8::1]:1', { host: '[2001:db8::1]', port: 1 }],
    ['a://b%C3%BCcher.test', { host: 'bücher.test', port: 7 }],
    ['a://bücher.test', { host: 'bücher.test', port: 7 }],
    ['a://me@host', { host: 'host', port: 7, user: 'me', pass: '' }],
    ['a://me:@host', { host: 'host', port: 7, user: 'me', pass: '' }],
    ['a://:pw@host', { host: 'host', port: 7, user: '', pass: 'pw' }],
    ['a://@host', { host: 'host', port: 7 }],
    ['a://m%3Ae:p%40s%25%2Fs%20%C3%A9@host', { host: 'host', port: 7, user: 'm:e', pass: 'p@s%/s é' }],
    ['a://me:p:w@host', { host: 'host', port: 7, user: 'me', pass: 'p:w' }],
    ['a://me:p@w@host', { host: 'host', port: 7, user: 'me', pass: 'p@w' }],
  ])('reads %s, given as a text or as a URL', (text, read) => {
    expect(readProxyUrl(text, RULES)).toEqual(read);
    expect(readProxyUrl(new URL(text), RULES)).toEqual(read);
  });

  it('knows port 80 of http', () => {
    for (const url of ['http://host', 'http://host:80'])
      expect(readProxyUrl(url, { caller: 'tool', schemes: ['http:'], port: 80 })).toEqual({ host: 'host', port: 80 });
  });

  it.each([
    ['c://me:hunter2@h0st', 'expected the URL of tool to have the scheme a: or b:, got c:'],
    ['https://me:hunter2@h0st', 'got https:; do this'],
    ['constructor://me:hunter2@h0st', 'expected the URL of tool to have the scheme a: or b:, got constructor:'],
    ['me:hunter2@h0st:1080', 'expected the URL of tool to be a://user:password@host:port, got 20 characters without a scheme'],
    ['hunter2@h0st', 'got 12 characters without a scheme'],
    ['a:me:hunter2@h0st', 'without a scheme'],
    ['', 'got 0 characters without a scheme'],
    ['a://me:hunter2@h0st:99999', 'that cannot be read so'],
    ['a://me:hunter2@h0 st', 'that cannot be read so'],
    ['a://me:hun\nter2@h0st', 'that cannot be read so'],
    ['a://me:hun\tter2@h0st', 'that cannot be read so'],
    ['a://me:hunter2@[::1', 'that cannot be read so'],
    ['a://me:hunter2@h0st/path', 'no path, query or fragment'],
    ['a://me:hunter2@h0st?x', 'no path, query or fragment'],
    ['a://me:hunter2@h0st#x', 'no path, query or fragment'],
    ['a://me:hunter2/x@h0st', 'that cannot be read so'],
    ['a://me:hunter2%@h0st', 'percent-encoded UTF-8, got something else; write % in a user or password as %25'],
    ['a://me:hunter2%ff@h0st', 'percent-encoded UTF-8'],
  ])('refuses %j, and its message has no part of it but the scheme', (url, message) => {
    let thrown: unknown;
    try {
      readProxyUrl(url, RULES);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(TypeError);
    expect((thrown as Error).message).toContain(message);
    expect(inspect(thrown, { depth: 9, showHidden: true })).not.toMatch(/hunter2|hun\s|h0st|\bme\b/);
  });
});

describe('isUrl', () => {
  it('is true for texts and URLs, and for nothing else', () => {
    for (const given of ['', 'a', new URL('a://b')]) expect(isUrl(given)).toBe(true);
    for (const given of [undefined, null, 7, {}, { host: 'h', port: 1 }, [], new Map()]) expect(isUrl(given)).toBe(false);
  });
});
