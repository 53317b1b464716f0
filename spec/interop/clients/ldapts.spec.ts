import assert from 'node:assert/strict';
import { Client, InvalidCredentialsError } from 'ldapts';
import { it } from 'vitest';
import { ca } from '../../support/certificates.ts';
import { invariants } from '../../support/harness.ts';
import { started } from '../peers.ts';
import { SLAPD, startSlapd } from '../peers/slapd.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';

const ENTRY = { objectClass: ['dcObject', 'organization'], o: 'test', dc: 'test' };

function client(route: Route): Client {
  const factory: unknown = { [route.isSecure ? 'createSecureConnection' : 'createConnection']: () => route.dial() };
  return new Client({ url: `${route.isSecure ? 'ldaps' : 'ldap'}://${route.host}:${route.port}`, ...(factory as object) });
}

describeClient('ldapts', ['slapd'], () => {
  const slapd = started(startSlapd);

  eachRoute({ 'trace + socks5': () => slapd().ports.plain, tlsClient: () => slapd().ports.tls }, (open) => {
    it(
      'binds, adds an entry, finds it, and unbinds',
      invariants(async (h) => {
        const ldap = client(await open(h));
        await ldap.bind(SLAPD.user, SLAPD.password);
        await ldap.add(SLAPD.suffix, ENTRY);
        const { searchEntries } = await ldap.search(SLAPD.suffix, { scope: 'base' });
        assert.equal(searchEntries[0]?.o, 'test');
        await ldap.del(SLAPD.suffix);
        await ldap.unbind();
      }),
    );

    it(
      'reports a wrong password, and connects again after unbind',
      invariants(async (h) => {
        const ldap = client(await open(h));
        await assert.rejects(ldap.bind(SLAPD.user, 'wrong'), InvalidCredentialsError);
        await ldap.unbind();
        await ldap.bind(SLAPD.user, SLAPD.password);
        await ldap.unbind();
        assert.equal(ldap.isConnected, false);
      }),
    );
  });

  eachRoute({ 'trace + socks5': () => slapd().ports.plain }, (open) => {
    it(
      'upgrades by STARTTLS',
      invariants(async (h) => {
        const ldap = client(await open(h));
        await ldap.startTLS({ ca, servername: 'localhost' });
        await ldap.bind(SLAPD.user, SLAPD.password);
        await ldap.unbind();
      }),
    );

    it(
      'refuses a certificate that is not trusted after STARTTLS',
      invariants(async (h) => {
        const ldap = client(await open(h));
        await assert.rejects(ldap.startTLS({ ca: [], servername: 'localhost' }), { code: 'SELF_SIGNED_CERT_IN_CHAIN' });
        await ldap.unbind();
      }),
    );
  });
});
