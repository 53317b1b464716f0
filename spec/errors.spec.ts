import { Socket } from 'node:net';
import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import * as errors from '../src/errors.ts';
import { IOStreamError } from '../src/errors.ts';

/** Code, number, and whether the error closes the stream. */
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
  ['EBLOCKED', -10700, true],
  ['EGAP', -10800, true],
] as const;

const system = (): Error =>
  Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:9'), {
    code: 'ECONNREFUSED',
    errno: -111,
    syscall: 'connect',
    address: '127.0.0.1',
    port: 9,
  });

describe('the error codes', () => {
  it.each(TABLE)('%s has number %i, fatal: %s', (code, errno, fatal) => {
    const error = new IOStreamError(code, { phase: 'read' });
    expect(error).toMatchObject({ code, errno, fatal, phase: 'read' });
    expect(error.message).not.toBe('');
    expect(error.message).toMatch(new RegExp(`^.{5,} \\[${code}\\]$`));
  });

  it('are exported as constants that equal their names, and no other', () => {
    const constants = Object.entries(errors).filter(([, value]) => typeof value === 'string');
    expect(constants.map(([name, value]) => [name, value])).toEqual(constants.map(([name]) => [name, name]));
    expect(constants.map(([name]) => name).sort()).toEqual(TABLE.map(([code]) => code).sort());
  });

  it('have numbers below those of libuv', () => {
    expect(Math.max(...TABLE.map(([, errno]) => errno))).toBeLessThan(-4095);
  });

  it('have distinct numbers', () => {
    expect(new Set(TABLE.map(([, errno]) => errno)).size).toBe(TABLE.length);
  });
});

describe('IOStreamError', () => {
  it('is an Error with a name', () => {
    const error = new IOStreamError('EDNS', { phase: 'resolve' });
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('IOStreamError');
    expect(String(error)).toBe('IOStreamError: cannot resolve name [EDNS]');
  });

  it('has a name that can be changed for one error, as that of every Error', () => {
    const error = new IOStreamError('EDNS', { phase: 'resolve' });
    error.name = 'DialError';
    expect(String(error)).toBe('DialError: cannot resolve name [EDNS]');
    expect(Object.keys(error)).not.toContain('name');
    expect(new IOStreamError('EDNS', { phase: 'resolve' }).name).toBe('IOStreamError');
  });

  it('names its layer in a field and in the message', () => {
    const error = new IOStreamError('EPROXY', { phase: 'handshake', layer: 'proxy', message: 'expected 200, got 403' });
    expect(error.layer).toBe('proxy');
    expect(error.message).toBe('proxy: expected 200, got 403 [EPROXY]');
  });

  it.each([
    ['a message that already ends in the code', 'no answer [ETOCONNECT]', 'no answer [ETOCONNECT]'],
    ['a message that quotes another error', 'broken: no answer [ETOCONNECT]; dial again', 'broken: no answer; dial again [ETOCONNECT]'],
    ['an error with another code in it', 'broken: reset [ECONNRESET]', 'broken: reset [ECONNRESET] [ETOCONNECT]'],
  ])('ends in its code once: %s', (_what, message, expected) => {
    expect(new IOStreamError('ETOCONNECT', { phase: 'connect', message }).message).toBe(expected);
  });

  it('has no field for an unknown fact', () => {
    expect(Object.keys(new IOStreamError('EDNS', { phase: 'resolve' })).sort()).toEqual(['code', 'errno', 'fatal', 'phase']);
  });

  it('is fatal and has number 0 if its code is unknown', () => {
    expect(new IOStreamError('ESTRANGE', { phase: 'read' })).toMatchObject({
      code: 'ESTRANGE',
      errno: 0,
      fatal: true,
      message: 'unknown error [ESTRANGE]',
    });
  });

  it('treats names of Object.prototype as unknown codes', () => {
    expect(new IOStreamError('toString', { phase: 'read' })).toMatchObject({ errno: 0, fatal: true, message: 'unknown error [toString]' });
  });

  it('is fatal if the caller sets `fatal`', () => {
    expect(new IOStreamError('EOUTBUFLIMIT', { phase: 'write', fatal: true }).fatal).toBe(true);
  });

  it('copies facts to fields', () => {
    expect(new IOStreamError('EPROXY', { phase: 'handshake', facts: { status: 403, reply: 'no' } })).toMatchObject({
      status: 403,
      reply: 'no',
    });
  });

  it('does not enumerate its cause', () => {
    const cause = Object.assign(new Error('below'), { password: 'secret' });
    const error = new IOStreamError('EPROXY', { phase: 'handshake', cause });
    expect(error.cause).toBe(cause);
    expect(JSON.stringify(error)).not.toContain('secret');
    expect(Object.keys(error)).not.toContain('cause');
  });

  it('has no cause unless one is passed', () => {
    expect('cause' in new IOStreamError('EDNS', { phase: 'resolve' })).toBe(false);
  });

  it('prints its code, phase and layer', () => {
    const text = inspect(new IOStreamError('ETOHANDSHAKE', { phase: 'handshake', layer: 'socks' }));
    for (const word of ['ETOHANDSHAKE', 'handshake', 'socks', '-10104']) expect(text).toContain(word);
  });
});

describe('a printed IOStreamError', () => {
  const socket = new Socket();
  const below = Object.assign(new TypeError('below'), {
    code: 'EBELOW',
    errno: -7,
    syscall: 'read',
    config: { password: 'hidden-1' },
    socket,
  });
  const wrapped = new IOStreamError('ECONNRESET', { phase: 'read', errno: -104, message: 'read ECONNRESET', cause: below });
  const error = new IOStreamError('EPROXY', {
    phase: 'handshake',
    layer: 'proxy',
    message: 'refused',
    cause: wrapped,
    facts: { status: 403, headers: { via: 'x' }, list: [1n, Symbol('s'), () => 7], handle: socket, none: undefined },
  });

  it('has the same facts for JSON.stringify, with its causes', () => {
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'IOStreamError',
      code: 'EPROXY',
      errno: -10400,
      message: 'proxy: refused [EPROXY]',
      phase: 'handshake',
      layer: 'proxy',
      fatal: true,
      status: 403,
      headers: { via: 'x' },
      list: ['1', 'Symbol(s)', '[Function]'],
      handle: '[Socket]',
      cause: {
        name: 'IOStreamError',
        code: 'ECONNRESET',
        errno: -104,
        message: 'read ECONNRESET [ECONNRESET]',
        phase: 'read',
        fatal: true,
        cause: { name: 'TypeError', code: 'EBELOW', errno: -7, message: 'below', syscall: 'read' },
      },
    });
  });

  it('has them for inspect, with the stack of each', () => {
    const text = inspect(error);
    for (const part of [
      'IOStreamError: proxy: refused [EPROXY]\n    at ',
      "code: 'EPROXY'",
      'status: 403',
      "handle: '[Socket]'",
      'cause: IOStreamError: read ECONNRESET [ECONNRESET]\n      at ',
      'cause: TypeError: below\n        at ',
      "syscall: 'read'",
    ])
      expect(text).toContain(part);
  });

  it.each([
    ['inspect', (value: unknown) => inspect(value)],
    ['inspect with any depth', (value: unknown) => inspect(value, { depth: null })],
    ['inspect as part of an object', (value: unknown) => inspect({ report: { error: value } })],
    ['format, as console.log does', (value: unknown) => format('%s %o', value, value)],
    ['JSON.stringify', (value: unknown) => JSON.stringify(value)],
  ])('shows neither a socket nor a secret of a cause: %s', (_name, print) => {
    const text = print(error);
    expect(text).not.toContain('hidden-1');
    expect(text).not.toContain('_readableState');
    expect(text.length).toBeLessThan(8_000);
  });

  it('knows a class by its prototype, not by a field that the peer may have named', () => {
    class Other {
      readonly secret = 'hidden-3';
    }
    Object.defineProperty(Other, 'name', { value: 'Object' });
    const facts = { headers: { constructor: 'x', via: 'y' }, other: new Other() };
    const { headers, other } = new IOStreamError('EPROXY', { phase: 'handshake', facts }).toJSON();
    expect([headers, other]).toEqual([{ constructor: 'x', via: 'y' }, '[Object]']);
  });

  it('lists the errors of an AggregateError', () => {
    const all = new AggregateError([system(), 'no error', { password: 'hidden-2' }], 'all failed');
    const both = new IOStreamError('ECONNREFUSED', { phase: 'connect', cause: all });
    expect(both.toJSON()).toMatchObject({
      cause: { name: 'AggregateError', message: 'all failed', errors: [{ code: 'ECONNREFUSED', port: 9 }, 'no error', '[Object]'] },
    });
    expect(inspect(both)).toContain('errors: [');
    expect(inspect(both) + JSON.stringify(both)).not.toContain('hidden-2');
  });

  it('ends although its causes are a cycle', () => {
    const first = new Error('first');
    first.cause = new Error('second', { cause: first });
    const cyclic = new IOStreamError('EPROTOCOL', { phase: 'read', cause: first });
    expect(JSON.stringify(cyclic)).toContain('"second"');
    expect(inspect(cyclic)).toContain('cause: Error: second');
  });

  it('shows an abort reason, whose fields are getters', () => {
    const aborted = new IOStreamError('ECONNABORTED', { phase: 'close', cause: AbortSignal.abort().reason });
    expect(aborted.toJSON()).toMatchObject({ cause: { name: 'AbortError', code: 20 } });
    expect(inspect(aborted)).toContain('AbortError');
  });
});

describe('IOStreamError.from', () => {
  it('returns an IOStreamError unchanged', () => {
    const error = new IOStreamError('EPROXY', { phase: 'handshake', layer: 'inner' });
    expect(IOStreamError.from(error, { phase: 'read', layer: 'outer' })).toBe(error);
    expect(error).toMatchObject({ phase: 'handshake', layer: 'inner' });
  });

  it('adds the layer to an IOStreamError without one', () => {
    const error = new IOStreamError('EPROTOCOL', { phase: 'handshake' });
    expect(IOStreamError.from(error, { phase: 'handshake', layer: 'proxy' }).layer).toBe('proxy');
    expect(error.message).toBe('proxy: the peer sent something malformed [EPROTOCOL]');
    expect(inspect(error)).toContain('IOStreamError: proxy: the peer sent something malformed [EPROTOCOL]\n    at ');
    expect(IOStreamError.from(error, { phase: 'handshake', layer: 'outer' }).message).toBe(
      'proxy: the peer sent something malformed [EPROTOCOL]',
    );
    expect(IOStreamError.from(new IOStreamError('EPROTOCOL', { phase: 'handshake' }), { phase: 'handshake' })).not.toHaveProperty('layer');
  });

  it('keeps the code, the number and the facts of a system error', () => {
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
      message: 'connect ECONNREFUSED 127.0.0.1:9 [ECONNREFUSED]',
    });
    expect(error.cause).toBe(cause);
  });

  it('adds no fact that the system error lacks', () => {
    const cause = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' });
    expect(Object.keys(IOStreamError.from(cause, { phase: 'read' })).sort()).toEqual(['code', 'errno', 'fatal', 'phase', 'syscall']);
  });

  it('copies no unknown field, which may hold a secret', () => {
    const cause = Object.assign(system(), { headers: { authorization: 'Basic c2VjcmV0' } });
    expect(JSON.stringify(IOStreamError.from(cause, { phase: 'connect' }))).not.toContain('c2VjcmV0');
  });

  it('adds the number 0 to a system code without a number', () => {
    expect(IOStreamError.from(Object.assign(new Error('no'), { code: 'ERR_X' }), { phase: 'read' })).toMatchObject({
      code: 'ERR_X',
      errno: 0,
    });
  });

  it('reports any other error as EPROTOCOL, or as the code that is passed', () => {
    const cause = new RangeError('odd');
    const error = IOStreamError.from(cause, { phase: 'handshake', layer: 'x' });
    expect(error).toMatchObject({ code: 'EPROTOCOL', errno: -10601, message: 'x: odd [EPROTOCOL]', layer: 'x' });
    expect(error.cause).toBe(cause);
    expect(IOStreamError.from(cause, { phase: 'handshake', code: 'ETLS' }).code).toBe('ETLS');
  });

  it.each([
    ['text', 'text'],
    [7, '7'],
    [undefined, 'undefined'],
    [null, 'null'],
  ])('accepts a thrown value that is no error: %s', (thrown, message) => {
    expect(IOStreamError.from(thrown, { phase: 'read' })).toMatchObject({ code: 'EPROTOCOL', message: `${message} [EPROTOCOL]` });
  });
});
