import { Client, InvalidCredentialsError, type ClientOptions } from 'ldapts';
import { expect } from 'vitest';
import { ca } from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import { started } from '../peers.ts';
import { SLAPD, startSlapd } from '../peers/slapd.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';

const ENTRY = { objectClass: ['dcObject', 'organization'], o: 'test', dc: 'test' };

function client(route: Route): Client {
  const url = `${route.isSecure ? 'ldaps' : 'ldap'}://${route.host}:${route.port}`;
  // Its STARTTLS uses `createSecureConnection`, too, for its own TLS.
  const name = route.isSecure ? 'createSecureConnection' : 'createConnection';
  return new Client({ url, [name]: route.through.connect } as object as ClientOptions);
}

describeClient('ldapts', ['slapd'], () => {
  const slapd = started(startSlapd);

  eachRoute({ 'trace + socks5': () => slapd().ports.plain, tlsClient: () => slapd().ports.tls }, (open) => {
    spec('adds an entry and finds it', async (h) => {
      const ldap = client(await open(h));
      await ldap.bind(SLAPD.user, SLAPD.password);
      await ldap.add(SLAPD.suffix, ENTRY);
      const { searchEntries } = await ldap.search(SLAPD.suffix, { scope: 'base' });
      expect(searchEntries[0]?.o).toBe('test');
      await ldap.del(SLAPD.suffix);
      await ldap.unbind();
    });

    spec('reports a wrong password, and reconnects after unbind', async (h) => {
      const ldap = client(await open(h));
      await expect(ldap.bind(SLAPD.user, 'wrong')).rejects.toThrow(InvalidCredentialsError);
      await ldap.unbind();
      await ldap.bind(SLAPD.user, SLAPD.password);
      await ldap.unbind();
      expect(ldap.isConnected).toBe(false);
    });
  });

  eachRoute({ 'trace + socks5': () => slapd().ports.plain }, (open) => {
    spec('upgrades to TLS by STARTTLS', async (h) => {
      const ldap = client(await open(h));
      await ldap.startTLS({ ca, servername: 'localhost' });
      await ldap.bind(SLAPD.user, SLAPD.password);
      await ldap.unbind();
    });

    spec('fails after STARTTLS if the certificate is not trusted', async (h) => {
      const ldap = client(await open(h));
      await expect(ldap.startTLS({ ca: [], servername: 'localhost' })).rejects.toThrow(
        expect.objectContaining({ code: 'SELF_SIGNED_CERT_IN_CHAIN' }),
      );
      await ldap.unbind();
    });
  });
});
