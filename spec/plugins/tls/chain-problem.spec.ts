import type { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { chainProblem } from '../../../src/plugins/tls/chain-problem.ts';

/** A socket that reports its verification result as some runtime does. */
const socketOf = (report: object): TLSSocket => report as TLSSocket;

const verdict = (found: unknown): object => ({ authorized: false, authorizationError: null, _handle: { verifyError: () => found } });

describe('chainProblem', () => {
  it('returns undefined only for an explicit success', () => {
    expect(chainProblem(socketOf({ authorized: true }))).toBe(undefined);
    expect(chainProblem(socketOf(verdict(null))), 'the result of OpenSSL in Node').toBe(undefined);
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

  it.each(Object.keys(unclear))('returns an error that names the runtime if it reports %s', (name) => {
    const problem = chainProblem(socketOf(unclear[name]!));
    expect(String(problem?.message)).toMatch(/could not be checked: Node [\d.]+ does not report whether it verified it/);
  });

  it('returns the reported error, or one with the reported code', () => {
    const found = new Error('expired');
    for (const report of [verdict(found), { authorizationError: found }]) expect(chainProblem(socketOf(report))).toBe(found);
    for (const report of [{ authorizationError: 'CERT_HAS_EXPIRED' }, verdict('CERT_HAS_EXPIRED')])
      expect((chainProblem(socketOf(report)) as NodeJS.ErrnoException).code).toBe('CERT_HAS_EXPIRED');
  });
});
