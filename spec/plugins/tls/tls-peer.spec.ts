import assert from 'node:assert/strict';
import type { TLSSocket } from 'node:tls';
import { describe, it } from 'vitest';
import { chainProblem } from '../../../src/plugins/tls/tls-peer.ts';

/** A socket that reports its verdict as some runtime does. */
const socketOf = (report: object): TLSSocket => report as TLSSocket;
const verdict = (found: unknown): object => ({ authorized: false, authorizationError: null, _handle: { verifyError: () => found } });

describe('chainProblem', () => {
  it('is nothing only for an explicit "verified"', () => {
    assert.equal(chainProblem(socketOf({ authorized: true })), undefined);
    assert.equal(chainProblem(socketOf(verdict(null))), undefined, 'the verdict of OpenSSL in Node');
  });

  const unclear: Record<string, object> = {
    'nothing at all': {},
    'a value that is not true': { authorized: 'yes' },
    'no socket below': { authorized: false, authorizationError: null },
    'no verdict': { ...verdict(null), _handle: {} },
    'a verdict of undefined': verdict(undefined),
    'a verdict of an empty string': verdict(''),
    'a verdict of true': verdict(true),
    'a verdict of 0': verdict(0),
  };
  it.each(Object.keys(unclear))('is an error that names the runtime when it reports %s', (name) => {
    const problem = chainProblem(socketOf(unclear[name]!));
    assert.match(String(problem?.message), /could not be checked: Node [\d.]+ does not report whether it verified it/);
  });

  it('is the error that was found, or one with the code that was reported', () => {
    const found = new Error('expired');
    for (const report of [verdict(found), { authorizationError: found }]) assert.equal(chainProblem(socketOf(report)), found);
    for (const report of [{ authorizationError: 'CERT_HAS_EXPIRED' }, verdict('CERT_HAS_EXPIRED')])
      assert.equal((chainProblem(socketOf(report)) as NodeJS.ErrnoException).code, 'CERT_HAS_EXPIRED');
  });
});
