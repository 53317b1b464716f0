import { concat, EMPTY, finalize, map, NEVER, Observable, type ObservableInput, of, Subject, tap, throwError, timer } from 'rxjs';
import { assert, describe, expect } from 'vitest';
import type { TlsOptions, TlsPeer } from '../../../src/plugins/tls/tls-options.ts';
import type { Plugin } from '../../../src/wire/signal.ts';
import { dialOf } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import { detailsOf, otherOf, type Role, ROLES, TlsPair, type TlsPairOptions, VERSIONS } from '../../support/tls-pair.ts';
import { endsWithAlert } from '../../support/tls-records.ts';

const { ca } = certificates;

const LONG = Buffer.alloc(2 * 1024 * 1024, 'long');

describe.each(VERSIONS)('verify, %s', (version) => {
  const withVerify = (us: Role, verify: TlsOptions['verify']): TlsPairOptions => ({ version, [us]: { verify } });

  const rows = (answers: object): (readonly [us: Role, answer: string])[] =>
    ROLES.flatMap((us) => Object.keys(answers).map((answer) => [us, answer] as const));

  const acceptances: Record<string, () => boolean | ObservableInput<boolean>> = {
    'a boolean': () => true,
    'a promise': async () => true,
    'an Observable': () => timer(5).pipe(map(() => true)),
    'an Observable that never ends': () => concat(of(true), NEVER),
  };
  spec.each(rows(acceptances))('calls verify of the %s once with the peer, and accepts if it returns true as %s', async (h, us, answer) => {
    const peers: TlsPeer[] = [];
    const verify = (peer: TlsPeer): boolean | ObservableInput<boolean> => {
      peers.push(peer);
      return acceptances[answer]?.() ?? false;
    };
    const ends = new TlsPair(h, {
      version,
      client: { ...certificates.client, ...(us === 'client' ? { verify } : {}) },
      server: { ca, requestCert: true, ALPNProtocols: ['x'], ...(us === 'server' ? { verify } : {}) },
    });
    ends[us].write('early');
    await Promise.all(ROLES.map((role) => ends[role].waitFor('connected')));
    await h.until(() => ends[otherOf(us)].text === 'early');
    const [peer] = peers;
    expect([peers.length, peer?.authorized, peer?.protocol, peer?.servername]).toStrictEqual([1, true, version, 'localhost']);
    expect(peer?.certificate?.subject.CN).toBe(us === 'client' ? 'localhost' : 'a client');
    expect(peer?.x509?.fingerprint256).toBe(peer?.certificate?.fingerprint256);
    expect(detailsOf(ends[us]).x509).toBe(peer?.x509);
  });

  const why = new Error('not you');
  const refusals: Record<string, () => boolean | ObservableInput<boolean>> = {
    'returns false': () => false,
    'resolves with false': async () => false,
    'returns a value that is no boolean': () => 'yes' as unknown as boolean,
    'emits a value that is no boolean': () => of(1 as unknown as boolean),
    'emits false before true': () => of(false, true),
    'returns nothing': () => undefined as unknown as boolean,
    'completes without a value': () => EMPTY,
    throws: () => {
      throw why;
    },
    rejects: () => Promise.reject(why),
    errors: () => throwError(() => why),
  };
  spec.each(rows(refusals))('refuses with ETLSCERT and close_notify if verify of the %s %s', async (h, us, answer) => {
    const ends = new TlsPair(h, withVerify(us, refusals[answer]));
    const [ours, theirs, tap] = [ends[us], ends[otherOf(us)], ends.taps[us]];
    ours.write('a secret');
    await Promise.all([ours.up.ended, theirs.up.ended]);
    h.error(ours.up.error, { code: 'ETLSCERT', phase: 'handshake', layer: us, fatal: true });
    if (['throws', 'rejects', 'errors'].includes(answer)) expect((ours.up.error as Error).cause).toBe(why);
    expect(ours.summary).toBe('error');
    assert(endsWithAlert(tap.written, version), 'the last record is an alert');
    expect(theirs.text).toBe('');
    assert(theirs.up.values.every((signal) => !('truncated' in signal)));
  });

  spec.each(ROLES)('reports the refusal of the %s although the wire fails at close_notify', async (h, us) => {
    let refused = false;
    const broken = new Error('write EPIPE');
    const fails: Plugin = (wire) => (dial) => (flow$) =>
      flow$.pipe(
        tap(() => {
          if (refused) throw broken;
        }),
        wire(dial),
      );
    const ends = new TlsPair(h, { ...withVerify(us, () => !(refused = true)), below: { [us]: fails } });
    await Promise.all([ends.client.up.ended, ends.server.up.ended]);
    h.error(ends[us].up.error, { code: 'ETLSCERT', phase: 'handshake', layer: us });
  });

  spec.each(ROLES)('does not call verify of the %s about a peer that Node refuses', async (h, us) => {
    let calls = 0;
    const verify = (): boolean => {
      calls += 1;
      return true;
    };
    const ends = new TlsPair(h, {
      version,
      client: { ...certificates.selfSigned, ...(us === 'client' ? { verify } : {}) },
      server: us === 'server' ? { ca, requestCert: true, verify } : certificates.expired,
    });
    await Promise.all(ROLES.map((role) => ends[role].up.ended));
    h.error(ends[us].up.error, { code: 'ETLSCERT', phase: 'handshake', layer: us });
    expect(calls).toBe(0);
  });

  spec.each(ROLES)('errors with ETOHANDSHAKE and unsubscribes if verify of the %s never answers', async (h, us) => {
    let left = 0;
    const verify = (): Observable<boolean> => NEVER.pipe(finalize(() => (left += 1)));
    const ends = new TlsPair(h, { ...withVerify(us, verify), dial: { timeouts: { ...dialOf().timeouts, handshake: 200 } } });
    await ends[us].up.ended;
    h.error(ends[us].up.error, { code: 'ETOHANDSHAKE', phase: 'handshake', layer: us });
    expect([ends[us].summary, left]).toStrictEqual(['error', 1]);
  });

  spec.each(ROLES)('pauses the wire below until verify of the %s answers, and loses no bytes', async (h, us) => {
    const answer = new Subject<boolean>();
    const ends = new TlsPair(
      h,
      withVerify(us, () => answer),
    );
    const [ours, theirs] = [ends[us], ends[otherOf(us)]];
    await theirs.waitFor('connected');
    await h.until(() => answer.observed);
    theirs.write(LONG);
    theirs.end();
    await theirs.waitFor('pause');
    expect(ours.summary).toStrictEqual('');
    answer.next(true);
    await ours.waitFor('end');
    expect(ours.summary).toMatch(/^connected data end/);
    h.sameBytes(ours.bytes, LONG);
    assert(ours.up.values.every((signal) => !('truncated' in signal)));
  });

  spec.each(ROLES)('unsubscribes verify of the %s when the application leaves or the wire fails', (h, us) => {
    let waiting = 0;
    const verify = (): Observable<boolean> =>
      new Observable(() => {
        waiting += 1;
        return () => (waiting -= 1);
      });
    return (async () => {
      for (const leave of ['close', 'reset', 'unsubscribe', 'the other end'] as const) {
        const ends = new TlsPair(h, withVerify(us, verify));
        await h.until(() => waiting === 1);
        if (leave === 'close') ends[us].close();
        else if (leave === 'reset') ends[us].reset(new Error('enough'));
        else if (leave === 'unsubscribe') ends[us].up.unsubscribe();
        else ends[otherOf(us)].reset(new Error('gone'));
        await h.until(() => waiting === 0, leave);
      }
    })();
  });
});
