import nodemailer, { type SMTPPoolOptions, type Transporter } from 'nodemailer';
import { expect } from 'vitest';
import { ca } from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { REFUSED, startPostfix } from '../peers/postfix.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';

const MAIL = { from: 'from@localhost', to: 'to@localhost', subject: 'bytes', text: 'see below', attachments: [{ content: PAYLOAD }] };

/** Makes a transport over the route. `secured`: the connections are already encrypted. */
function transport(route: Route, options: SMTPPoolOptions = {}): Transporter {
  const tls = { ca, servername: 'localhost' };
  return nodemailer.createTransport({
    ...{ host: route.host, port: route.port, tls, secure: route.isSecure, ...options },
    getSocket: ({ port, host }, done) => done(null, { connection: route.through.connect(port!, host), secured: route.isSecure }),
  });
}

describeClient('nodemailer', ['postfix'], () => {
  const postfix = started(startPostfix);

  eachRoute({ 'trace + socks5': () => postfix().ports.smtp, tlsClient: () => postfix().ports.smtps }, (open) => {
    spec('sends several mails of 1 MiB over one connection of a pool', async (h) => {
      const mailer = transport(await open(h), { pool: true, maxConnections: 1, ignoreTLS: true });
      for (const { accepted } of await Promise.all([mailer.sendMail(MAIL), mailer.sendMail(MAIL)]))
        expect(accepted).toStrictEqual([MAIL.to]);
      mailer.close();
    });

    spec('reports a rejected recipient, and continues with the next mail', async (h) => {
      const mailer = transport(await open(h), { ignoreTLS: true });
      await expect(mailer.sendMail({ ...MAIL, to: REFUSED })).rejects.toThrow(expect.objectContaining({ code: 'EENVELOPE' }));
      expect(await mailer.verify()).toBe(true);
    });
  });

  eachRoute({ 'trace + socks5': () => postfix().ports.smtp }, (open) => {
    spec('upgrades to TLS by STARTTLS, and sends a mail of 1 MiB', async (h) => {
      const mailer = transport(await open(h), { requireTLS: true });
      const { accepted } = await mailer.sendMail(MAIL);
      expect(accepted).toStrictEqual([MAIL.to]);
    });

    spec('fails after STARTTLS if the certificate is not trusted', async (h) => {
      const mailer = transport(await open(h), { requireTLS: true, tls: { ca: [], servername: 'localhost' } });
      await expect(mailer.sendMail(MAIL)).rejects.toThrow(expect.objectContaining({ code: 'ESOCKET' }));
    });
  });
});
