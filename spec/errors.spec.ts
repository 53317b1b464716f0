import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import * as errors from '../src/errors.ts';
import { IOStreamError } from '../src/errors.ts';

/** Code, number, and whether it closes the stream: the table of the design. */
const TABLE = [
  ['EINBUFLIMIT', -10100, false],
  ['ETORESOLVE', -10101, true],
  ['ETOCONNECT', -10102, true],
  ['ETOWRITE', -10103, false],
  ['ETOHANDSHAKE', -10104, true],
  ['ETOIDLE', -10105, false],
  ['EOUTBUFLIMIT', -10106, false],
  ['EFRAMELIMIT', -10107, true],
  ['EDNS', -10200, true],
  ['EDNSNXDOMAIN', -10201, true],
  ['EDNSNODATA', -10202, true],
  ['EREQINBUFLIMIT', -10300, false],
  ['EREQINEOF', -10301, false],
  ['EPROXY', -10400, true],
  ['EPROXYAUTH', -10401, true],
  ['ETLS', -10500, true],
  ['ETLSCERT', -10501, true],
  ['ETLSTRUNCATED', -10502, true],
  ['ECLOSED', -10600, false],
  ['EPROTOCOL', -10601, true],
] as const;

const system = (): Error =>
  Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:9'), {
    code: 'ECONNREFUSED',
    errno: -111,
    syscall: 'connect',
    address: '127.0.0.1',
    port: 9,
  });

describe('codes', () => {
  it.each(TABLE)('%s has number %i, fatal: %s', (code, errno, fatal) => {
    const error = new IOStreamError(code, { phase: 'read' });
    expect(error).toMatchObject({ code, errno, fatal, phase: 'read' });
    expect(error.message).not.toBe('');
    expect(error.message).not.toBe(code);
  });

  it('are exported as constants that equal their names, and no other', () => {
    const constants = Object.entries(errors).filter(([, value]) => typeof value === 'string');
    expect(constants.map(([name, value]) => [name, value])).toEqual(constants.map(([name]) => [name, name]));
    expect(constants.map(([name]) => name).sort()).toEqual(TABLE.map(([code]) => code).sort());
  });

  it('lie below those of libuv', () => {
    expect(Math.max(...TABLE.map(([, errno]) => errno))).toBeLessThan(-4095);
  });

  it('have numbers of their own', () => {
    expect(new Set(TABLE.map(([, errno]) => errno)).size).toBe(TABLE.length);
  });
});

describe('IOStreamError', () => {
  it('is an Error with a name', () => {
    const error = new IOStreamError('EDNS', { phase: 'resolve' });
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('IOStreamError');
    expect(String(error)).toBe('IOStreamError: cannot resolve name');
  });

  it('says which layer it comes from, in a field and in the message', () => {
    const error = new IOStreamError('EPROXY', { phase: 'handshake', layer: 'proxy', message: 'expected 200, got 403' });
    expect(error.layer).toBe('proxy');
    expect(error.message).toBe('proxy: expected 200, got 403');
  });

  it('has no field for what is not known', () => {
    expect(Object.keys(new IOStreamError('EDNS', { phase: 'resolve' })).sort()).toEqual(['code', 'errno', 'fatal', 'phase']);
  });

  it('takes an unknown code for fatal, without a number', () => {
    expect(new IOStreamError('ESTRANGE', { phase: 'read' })).toMatchObject({
      code: 'ESTRANGE',
      errno: 0,
      fatal: true,
      message: 'ESTRANGE',
    });
  });

  it('does not take names of Object.prototype for codes', () => {
    expect(new IOStreamError('toString', { phase: 'read' })).toMatchObject({ errno: 0, fatal: true, message: 'toString' });
  });

  it('lets the caller say what is fatal', () => {
    expect(new IOStreamError('EOUTBUFLIMIT', { phase: 'write', fatal: true }).fatal).toBe(true);
  });

  it('copies facts to fields', () => {
    expect(new IOStreamError('EPROXY', { phase: 'handshake', facts: { status: 403, reply: 'no' } })).toMatchObject({
      status: 403,
      reply: 'no',
    });
  });

  it('keeps its cause out of what is enumerable', () => {
    const cause = Object.assign(new Error('below'), { password: 'secret' });
    const error = new IOStreamError('EPROXY', { phase: 'handshake', cause });
    expect(error.cause).toBe(cause);
    expect(JSON.stringify(error)).not.toContain('secret');
    expect(Object.keys(error)).not.toContain('cause');
  });

  it('has no cause when none is given', () => {
    expect('cause' in new IOStreamError('EDNS', { phase: 'resolve' })).toBe(false);
  });

  it('prints its code, phase and layer', () => {
    const text = inspect(new IOStreamError('ETOHANDSHAKE', { phase: 'handshake', layer: 'socks' }));
    for (const word of ['ETOHANDSHAKE', 'handshake', 'socks', '-10104']) expect(text).toContain(word);
  });
});

describe('IOStreamError.from', () => {
  it('leaves an IOStreamError as it is', () => {
    const error = new IOStreamError('EPROXY', { phase: 'handshake', layer: 'inner' });
    expect(IOStreamError.from(error, { phase: 'read', layer: 'outer' })).toBe(error);
    expect(error).toMatchObject({ phase: 'handshake', layer: 'inner' });
  });

  it('tells an IOStreamError its layer when it has none', () => {
    const error = new IOStreamError('EPROTOCOL', { phase: 'handshake' });
    expect(IOStreamError.from(error, { phase: 'handshake', layer: 'proxy' }).layer).toBe('proxy');
    expect(error.message).toBe('proxy: the peer sent something malformed');
    expect(inspect(error)).toContain('IOStreamError: proxy: the peer sent something malformed\n    at ');
    expect(IOStreamError.from(error, { phase: 'handshake', layer: 'outer' }).message).toBe('proxy: the peer sent something malformed');
    expect(IOStreamError.from(new IOStreamError('EPROTOCOL', { phase: 'handshake' }), { phase: 'handshake' })).not.toHaveProperty('layer');
  });

  it('keeps code, number and facts of an error of the system', () => {
    const cause = system();
    const error = IOStreamError.from(cause, { phase: 'connect' });
    expect(error).toMatchObject({
      code: 'ECONNREFUSED',
      errno: -111,
      syscall: 'connect',
      address: '127.0.0.1',
      port: 9,
      phase: 'connect',
      fatal: true,
      message: cause.message,
    });
    expect(error.cause).toBe(cause);
  });

  it('makes no empty facts', () => {
    const cause = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' });
    expect(Object.keys(IOStreamError.from(cause, { phase: 'read' })).sort()).toEqual(['code', 'errno', 'fatal', 'phase', 'syscall']);
  });

  it('copies no field it does not know: what else an error holds may be a secret', () => {
    const cause = Object.assign(system(), { headers: { authorization: 'Basic c2VjcmV0' } });
    expect(JSON.stringify(IOStreamError.from(cause, { phase: 'connect' }))).not.toContain('c2VjcmV0');
  });

  it('gives a system code without a number 0', () => {
    expect(IOStreamError.from(Object.assign(new Error('no'), { code: 'ERR_X' }), { phase: 'read' })).toMatchObject({
      code: 'ERR_X',
      errno: 0,
    });
  });

  it('makes anything else EPROTOCOL, or the code it is given', () => {
    const cause = new RangeError('odd');
    const error = IOStreamError.from(cause, { phase: 'handshake', layer: 'x' });
    expect(error).toMatchObject({ code: 'EPROTOCOL', errno: -10601, message: 'x: odd', layer: 'x' });
    expect(error.cause).toBe(cause);
    expect(IOStreamError.from(cause, { phase: 'handshake', code: 'ETLS' }).code).toBe('ETLS');
  });

  it.each([
    ['text', 'text'],
    [7, '7'],
    [undefined, 'undefined'],
    [null, 'null'],
  ])('takes %s thrown', (thrown, message) => {
    expect(IOStreamError.from(thrown, { phase: 'read' })).toMatchObject({ code: 'EPROTOCOL', message });
  });
});
