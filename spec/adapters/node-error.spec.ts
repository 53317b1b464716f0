import { describe, expect, it } from 'vitest';
import { IOStreamError, type ErrorCode } from '../../src/errors.ts';
import { nodeError } from '../../src/adapters/node-error.ts';

const ofNode = (code: string, facts: object = {}): Error => Object.assign(new Error(`${code} of Node`), { code, ...facts });
const made = (code: string, cause?: unknown): IOStreamError => new IOStreamError(code, { phase: 'connect', cause });

describe('nodeError', () => {
  it('returns the code and the fields of Node for a failed lookup', () => {
    for (const code of ['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL']) {
      const ours = made('EDNS', ofNode(code, { syscall: 'getaddrinfo', hostname: 'x.test', errno: -3008 }));
      const converted = nodeError(ours);
      expect(converted).toMatchObject({
        message: `${code} of Node`,
        code,
        syscall: 'getaddrinfo',
        hostname: 'x.test',
        errno: -3008,
        cause: ours,
      });
      expect(converted).not.toBeInstanceOf(IOStreamError);
    }
  });

  it('returns ENOTFOUND for a name without addresses, and ETIMEDOUT for a lookup that times out', () => {
    expect(nodeError(made('EDNS', ofNode('ENODATA')))).toMatchObject({ code: 'ENOTFOUND' });
    expect(nodeError(made('EDNS'))).toMatchObject({ code: 'ENOTFOUND' });
    expect(nodeError(made('EDNS', ofNode('ETIMEOUT')))).toMatchObject({ code: 'ETIMEDOUT', errno: -110 });
  });

  it('keeps the code of the system', () => {
    const ours = IOStreamError.from(ofNode('ECONNREFUSED', { errno: -111, syscall: 'connect', address: '::1', port: 7 }), {
      phase: 'connect',
    });
    expect(nodeError(ours)).toMatchObject({ code: 'ECONNREFUSED', errno: -111, syscall: 'connect', address: '::1', port: 7, cause: ours });
    const bare = new IOStreamError('EPIPE', { phase: 'write', errno: -32, message: 'ended', facts: { syscall: 'write' } });
    expect(nodeError(bare)).toMatchObject({ message: 'ended [EPIPE]', code: 'EPIPE', errno: -32, syscall: 'write', cause: bare });
  });

  it('returns an AggregateError for several attempts, as Node does', () => {
    const attempts = [ofNode('ENETUNREACH'), ofNode('ECONNREFUSED')];
    const ours = new IOStreamError('ECONNREFUSED', { phase: 'connect', errno: -111, cause: new AggregateError(attempts, 'all failed') });
    const converted = nodeError(ours);
    expect(converted).toBeInstanceOf(AggregateError);
    expect(converted).toMatchObject({ code: 'ECONNREFUSED', errors: attempts, cause: ours });
  });

  it('returns the code of OpenSSL, and that of the verification of the name', () => {
    for (const code of ['CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'ERR_TLS_CERT_ALTNAME_INVALID'])
      expect(nodeError(made('ETLSCERT', ofNode(code, { host: 'x' })))).toMatchObject({ code, host: 'x', cause: { code: 'ETLSCERT' } });
    expect(nodeError(made('ETLS', ofNode('ERR_SSL_WRONG_VERSION_NUMBER')))).toMatchObject({ code: 'ERR_SSL_WRONG_VERSION_NUMBER' });
  });

  it('returns ETIMEDOUT for our timeouts, and EPIPE for a write to a closed stream', () => {
    const timeouts: ErrorCode[] = ['ETORESOLVE', 'ETOCONNECT', 'ETOHANDSHAKE', 'ETOWRITE', 'ETOIDLE'];
    for (const code of timeouts) expect(nodeError(made(code))).toMatchObject({ code: 'ETIMEDOUT', errno: -110, cause: { code } });
    expect(nodeError(made('ECLOSED'))).toMatchObject({ code: 'EPIPE', errno: -32 });
  });

  it('returns an error unchanged if Node has no code for it, or if it is not an IOStreamError', () => {
    const others = [made('EPROXY'), made('EPROTOCOL'), made('ETLSTRUNCATED'), made('ETLSCERT', new Error('verify')), new Error('x')];
    for (const error of others) expect(nodeError(error)).toBe(error);
  });

  it('never changes the error of Node', () => {
    const original = ofNode('ENOTFOUND');
    nodeError(made('EDNS', original));
    expect([Object.keys(original), original.cause]).toEqual([['code'], undefined]);
  });
});
