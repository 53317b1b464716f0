import { describe, expect, it } from 'vitest';
import { basic } from '../../src/protocol/http-fields.ts';
import { Secrets } from '../../src/protocol/secrets.ts';
import { cpuTime } from '../support/cpu-time.ts';

const knowing = (...values: readonly string[]): Secrets => {
  const secrets = new Secrets();
  for (const value of values) secrets.addAuthorization(value);
  return secrets;
};
const latin = (text: string): string => Buffer.from(text).toString('latin1');

describe('Secrets', () => {
  it.each([
    ['the value', 'Basic bWU6aHVudGVyMg==', '***'],
    ['the value without its scheme', 'auth=bWU6aHVudGVyMg==;', 'auth=***;'],
    ['the password behind its user', 'you are me:hunter2!', 'you are me:***!'],
    ['the password', 'hunter2 or hunter2', '*** or ***'],
    ['nothing else', 'the end of me', 'the end of me'],
  ])('hides of Basic %s', (_, text, shown) => {
    expect(knowing('Basic bWU6aHVudGVyMg==').hide(text)).toBe(shown);
    expect(knowing('bASIC bWU6aHVudGVyMg==').hide(text.replace('Basic', 'bASIC'))).toBe(shown);
  });

  it('hides of another scheme the value, and what is behind the scheme', () => {
    for (const text of ['Custom a b', 'a b']) expect(knowing('Custom a b').hide(`<${text}>`)).toBe('<***>');
    expect(knowing('Custom a b').hide('the b')).toBe('the b');
    expect(knowing('alone').hide('<alone>')).toBe('<***>');
  });

  it('hides the user where there is no password', () => {
    expect(knowing(basic('token', '')).hide('token: or token')).toBe('***: or ***');
  });

  it('takes a password with a space as a whole', () => {
    expect(knowing(basic('me', 'pass e')).hide('the end of pass e')).toBe('the end of ***');
  });

  it('hides what is not ASCII, as text and as a byte a character', () => {
    for (const value of [basic('me', 'pässword'), 'Custom pässword'])
      for (const text of ['pässword', latin('pässword')]) expect(knowing(value).hide(`<${text}>`)).toBe('<***>');
    expect(knowing(`Basic ${Buffer.from('me:p\xe4ss', 'latin1').toString('base64')}`).hide('<p\xe4ss>')).toBe('<***>');
  });

  it.each(['Basic', 'Basic ', 'Basic !', 'Basic Og==', ''])('takes %j without more', (value) => {
    expect(knowing(value).hide('some text')).toBe('some text');
  });

  it('hides the longer one first, and what it learned before', () => {
    expect(knowing('Custom abc', 'Custom abcdef').hide('abcdef abc')).toBe('*** ***');
  });

  it('hides what has begun at the end of a text that was cut off', () => {
    const secrets = knowing('Custom hunter2');
    for (const cut of ['hunter', 'hu', 'hunter2']) expect(secrets.hideCut(`it is ${cut}`)).toBe('it is ***');
    expect(secrets.hideCut('it is it')).toBe('it is it');
    expect(new Secrets().hideCut('it is it')).toBe('it is it');
  });

  it('finds a secret in any case of its letters', () => {
    expect(knowing('Custom HunTer2').hide('x-hunter2-y')).toBe('x-***-y');
  });

  describe('hides a password', () => {
    const PASSWORD = 'p@ss <w&rd> "\u00e9\\/+';
    const bytes = Buffer.from(PASSWORD);
    const html = PASSWORD.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
    const everyByte = (write: (byte: number) => string): string => Array.from(bytes, write).join('');
    const unit = (prefix: string) => (character: string) => `${prefix}${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

    it.each([
      ['as it is', PASSWORD],
      ['in other case', PASSWORD.toUpperCase().replace('\u00c9', '\u00e9')],
      ['in UTF-8 read as Latin-1', bytes.toString('latin1')],
      ['in a URL', encodeURIComponent(PASSWORD)],
      ['in a URL, in lower case', encodeURIComponent(PASSWORD).toLowerCase()],
      ['in a form', new URLSearchParams({ x: PASSWORD }).toString().slice(2)],
      ['in a URL, every byte', everyByte((byte) => `%${byte.toString(16).padStart(2, '0')}`)],
      ['twice in a URL', encodeURIComponent(encodeURIComponent(PASSWORD))],
      ['in HTML', html],
      ['in HTML, by decimal numbers', PASSWORD.replace(/[^a-z ]/g, (each) => `&#${each.charCodeAt(0)};`)],
      ['in HTML, by hexadecimal numbers', PASSWORD.replace(/[^a-z ]/g, (each) => `&#x${each.charCodeAt(0).toString(16).toUpperCase()};`)],
      ['in JSON', JSON.stringify(PASSWORD).slice(1, -1)],
      ['in JSON, with every slash escaped', JSON.stringify(PASSWORD).slice(1, -1).replaceAll('/', '\\/')],
      ['in JSON, every character escaped', PASSWORD.replace(/[^]/g, unit('\\u'))],
      ['in JSON in HTML', JSON.stringify(PASSWORD).slice(1, -1).replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')],
      ['in C', everyByte((byte) => `\\x${byte.toString(16).padStart(2, '0')}`)],
      ['as a quoted string of HTTP', PASSWORD.replace(/["\\]/g, String.raw`\$&`)],
      ['in hex', bytes.toString('hex')],
      ['in hex, in upper case', bytes.toString('hex').toUpperCase()],
      ['in hex with spaces', everyByte((byte) => ` ${byte.toString(16).padStart(2, '0')}`).slice(1)],
      ['in Base64', bytes.toString('base64')],
      ['in Base64 for URLs', bytes.toString('base64url')],
    ])('%s', (_, text) => {
      const secrets = new Secrets();
      secrets.addLogin('me', PASSWORD);
      expect(secrets.hide(`<b>${text}</b>`)).toBe('<b>***</b>');
      expect(secrets.hide(text)).toBe('***');
    });

    it.each(['', 'a', 'ab', 'abc'])('in the Base64 of something longer, with %j before it', (before) => {
      const secrets = new Secrets();
      secrets.addLogin('me', PASSWORD);
      for (const after of ['', 'x', 'xy', 'xyz']) {
        const shown = secrets.hide(`auth="${btoa(`${before}${bytes.toString('latin1')}${after}`)}"`);
        expect(shown, after).toMatch(/^auth="[\w+/]{0,4}\*\*\*[\w+/]{0,4}={0,2}"$/);
      }
    });

    it('that was cut off behind its second character, in each of its forms', () => {
      const secrets = new Secrets();
      secrets.addLogin('me', PASSWORD);
      for (const text of [PASSWORD, bytes.toString('latin1'), encodeURIComponent(PASSWORD), html, JSON.stringify(PASSWORD).slice(1, -1)])
        for (let length = 4; length <= text.length; length += 1)
          expect(secrets.hideCut(`it is [${text.slice(0, length)}`), text.slice(0, length)).toBe('it is [***');
    });
  });

  it('hides a header whole from 4 characters on, and its words from 8 on', () => {
    const secrets = new Secrets();
    for (const value of ['k3y!', '123', 'Bearer tok-en-42', 'sid=0123456789; theme=dark', 'Basic bWU6aHVudGVyMg=='])
      secrets.addHeader(value);
    expect(secrets.hide('k3y! 123 tok-en-42 0123456789 dark theme hunter2')).toBe('*** 123 *** *** dark theme ***');
  });

  it('knows what another knows, and not what that learns later', () => {
    const others = knowing('Custom first');
    const secrets = new Secrets(others);
    others.addText('second');
    secrets.addText('third');
    expect(secrets.hide('first second third')).toBe('*** second ***');
    expect(others.hide('first second third')).toBe('*** *** third');
  });

  it('takes no more than a moment for long texts, and numbers that are no character', () => {
    const secrets = new Secrets();
    secrets.addAuthorization(`Negotiate ${'YIIabc+/'.repeat(1000)}`);
    const start = cpuTime();
    for (const text of ['%', '&#', '\\', '%25', '&#x110000;', '&#9999999;', 'YIIabc+/'].map((part) => part.repeat(16_384 / part.length)))
      expect([secrets.hide(text).length > 0, secrets.hideCut(text.slice(0, 1024)).length > 0]).toEqual([true, true]);
    expect(cpuTime() - start).toBeLessThan(2000);
  });
});
