import { ImapFlow, type ImapFlowOptions } from 'imapflow';
import { expect } from 'vitest';
import { ca } from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { IMAP_USER, startDovecot } from '../peers/dovecot.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';

/** A mail of more than 1 MiB. */
const MAIL = `Subject: bytes\r\n\r\n${(PAYLOAD.toString('base64').match(/.{1,76}/g) ?? []).join('\r\n')}\r\n`;

describeClient('imapflow', ['dovecot'], () => {
  const dovecot = started(startDovecot);
  const client = async (route: Route, options: Partial<ImapFlowOptions> = {}): Promise<ImapFlow> => {
    const { host, port } = await route.door();
    return new ImapFlow({ host, port, servername: 'localhost', secure: false, auth: IMAP_USER, tls: { ca }, logger: false, ...options });
  };

  eachRoute({ 'trace + socks5': () => dovecot().ports.imap, tlsClient: () => dovecot().ports.imaps }, (open) => {
    spec('appends and fetches a mail of more than 1 MiB through a door, with STARTTLS if the route has no TLS', async (h) => {
      const route = await open(h);
      const imap = await client(route);
      await imap.connect();
      expect(imap.secureConnection).toBe(!route.isSecure);
      await imap.append('INBOX', MAIL);
      const lock = await imap.getMailboxLock('INBOX');
      const fetched = await imap.fetchOne('*', { source: true });
      lock.release();
      h.sameBytes((fetched as { source: Buffer }).source, MAIL);
      await imap.logout();
    });

    spec('reports a wrong password', async (h) => {
      const imap = await client(await open(h), { auth: { ...IMAP_USER, pass: 'wrong' } });
      await expect(imap.connect()).rejects.toMatchObject({ authenticationFailed: true });
    });
  });

  eachRoute({ 'trace + socks5': () => dovecot().ports.imaps }, (open) => {
    spec('uses its own TLS through a door, and checks the name of the server', async (h) => {
      const route = await open(h);
      const imap = await client(route, { secure: true });
      await imap.connect();
      await imap.logout();
      const other = await client(route, { secure: true, servername: 'other.test' });
      await expect(other.connect()).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    });
  });
});
