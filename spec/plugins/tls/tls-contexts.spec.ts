import { createSecureContext } from 'node:tls';
import { BehaviorSubject, concat, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { describe, expect } from 'vitest';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import type { ContextSource } from '../../../src/plugins/tls/tls-options.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import type { Plugin } from '../../../src/wire/signal.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import type { Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';
import { detailsOf, TlsPair } from '../../support/tls-pair.ts';

const { ca, server, other } = certificates;

/** Connects to a server plugin. The client accepts any certificate, and `subject` resolves with that of the certificate. */
function dialled(h: Harness, service: Plugin): { near: WireDriver; far: WireDriver; subject: () => Promise<unknown> } {
  const [a, b] = memoryPair();
  const far = new WireDriver(h, service(b), dialOf({ handshake: 1000 }));
  const near = new WireDriver(h, tlsClient({ rejectUnauthorized: false })(a), dialOf());
  const subject = async (): Promise<unknown> => {
    await Promise.all([near.waitFor('connected'), far.waitFor('connected')]);
    return (detailsOf(near).x509 as { subject: string }).subject;
  };
  return { near, far, subject };
}

describe('the secure context of tlsServer', () => {
  spec('is the newest one for new connections, and stays the same for open ones', async (h) => {
    const contexts = new BehaviorSubject<ContextSource>(server);
    const service = tlsServer({ secureContext: contexts });
    const first = dialled(h, service);
    expect(await first.subject()).toBe('CN=localhost');
    contexts.next(createSecureContext(other));
    const second = dialled(h, service);
    expect(await second.subject()).toBe('CN=other.test');
    first.near.write('still here');
    await h.until(() => first.far.text === 'still here');
  });

  spec('is subscribed once for all open connections, and unsubscribed after the last', async (h) => {
    let subscribed = 0;
    let open = 0;
    const contexts = new Observable<ContextSource>((out) => {
      subscribed += 1;
      open += 1;
      out.next(server);
      return () => (open -= 1);
    });
    const service = tlsServer({ secureContext: contexts });
    expect(subscribed, 'cold').toBe(0);
    const [first, second] = [dialled(h, service), dialled(h, service)];
    await Promise.all([first.subject(), second.subject()]);
    expect([subscribed, open]).toStrictEqual([1, 1]);
    first.far.up.unsubscribe();
    expect(open).toBe(1);
    second.far.reset(new Error('enough'));
    expect(open).toBe(0);
    await dialled(h, service).subject();
    expect([subscribed, open]).toStrictEqual([2, 1]);
  });

  spec.each(['errors', 'emits an invalid value', 'completes'])(
    'stays in use when its Observable %s, and the problem is reported',
    async (h, how) => {
      const why = new Error('cannot read it');
      const contexts = new Subject<ContextSource>();
      const service = tlsServer({ secureContext: concat(of(server), contexts) });
      const first = dialled(h, service);
      await first.subject();
      if (how === 'errors') contexts.error(why);
      else if (how === 'emits an invalid value') contexts.next({ key: server.key, cert: 'not a certificate' });
      else contexts.complete();
      const second = dialled(h, service);
      expect(await second.subject()).toBe('CN=localhost');
      const problem = detailsOf(second.far).secureContextError;
      if (how === 'errors') expect(problem).toBe(why);
      else if (how === 'emits an invalid value') expect(String(problem)).toMatch(/TypeError: tlsServer: expected `cert`/);
      else expect(problem).toBe(undefined);
      expect(detailsOf(first.far).secureContextError).toBe(undefined);
    },
  );

  spec('stays in use if its Observable errors after all connections have closed', async (h) => {
    let good = true;
    const contexts = new Observable<ContextSource>((out) => {
      if (good) out.next(server);
      else out.error(new Error('gone'));
    });
    const service = tlsServer({ secureContext: contexts });
    const first = dialled(h, service);
    await first.subject();
    first.far.up.unsubscribe();
    good = false;
    expect(await dialled(h, service).subject()).toBe('CN=localhost');
  });

  spec('is awaited within the handshake timeout', async (h) => {
    const contexts = new Subject<ContextSource>();
    const { near, far, subject } = dialled(h, tlsServer({ secureContext: contexts }));
    near.write('early');
    await h.until(() => contexts.observed);
    contexts.next(server);
    expect(await subject()).toBe('CN=localhost');
    await h.until(() => far.text === 'early');
  });

  spec('errors with ETOHANDSHAKE if it never comes, and with ETLS if it fails at once', async (h) => {
    const why = new Error('no such file');
    const failures: readonly (readonly [Observable<ContextSource>, string, unknown])[] = [
      [NEVER, 'ETOHANDSHAKE', undefined],
      [throwError(() => why), 'ETLS', why],
      [of(), 'ETLS', undefined],
      [of({ cert: 'bad', key: 'bad' }), 'ETLS', undefined],
      [of('bad' as ContextSource), 'ETLS', undefined],
    ];
    for (const [secureContext, code, cause] of failures) {
      const [, b] = memoryPair();
      const far = new WireDriver(h, tlsServer({ secureContext })(b), dialOf({ handshake: 50 }));
      await far.up.ended;
      h.error(far.up.error, { code, phase: 'handshake' });
      if (cause) expect((far.up.error as Error).cause).toBe(cause);
    }
  });

  spec('may be an Observable in a client, too', async (h) => {
    const ends = await TlsPair.connected(h, {
      client: { secureContext: of(certificates.client), ca },
      server: { requestCert: true, ca },
    });
    expect((detailsOf(ends.server).x509 as { subject: string }).subject).toBe('CN=a client');
  });

  spec('is chosen by name in SNICallback, also asynchronously', async (h) => {
    const context = createSecureContext(other);
    for (const [servername, subject] of [
      ['other.test', 'CN=other.test'],
      ['localhost', 'CN=localhost'],
    ] as const) {
      const { client } = await TlsPair.connected(h, {
        client: { servername },
        server: { SNICallback: (name, done) => setImmediate(() => done(null, name === 'other.test' ? context : undefined)) },
      });
      expect([detailsOf(client).authorized, (detailsOf(client).x509 as { subject: string }).subject]).toStrictEqual([true, subject]);
    }
  });
});
