import { describe, expect, it } from 'vitest';
import { basic } from '../../src/protocol/http-fields.ts';
import { Secrets } from '../../src/protocol/secrets.ts';

const knowing = (...values: readonly string[]): Secrets => {
  const secrets = new Secrets();
  for (const value of values) secrets.add(value);
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

  it('hides in a name in lower case', () => {
    expect(knowing('Custom HunTer2').hideName('x-hunter2-y')).toBe('x-***-y');
  });
});
