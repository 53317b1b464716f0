import assert from 'node:assert/strict';
import nodemailer, { type SMTPPoolOptions, type Transporter } from 'nodemailer';
import { it } from 'vitest';
import { ca } from '../../support/certificates.ts';
import { invariants } from '../../support/harness.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { REFUSED, startPostfix } from '../peers/postfix.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';

const MAIL = { from: 'from@localhost', to: 'to@localhost', subject: 'bytes', text: 'see below', attachments: [{ content: PAYLOAD }] };

/** A transport whose connections take the route; `secured`: they are encrypted already. */
function transport(route: Route, options: SMTPPoolOptions = {}): Transporter {
  const tls = { ca, servername: 'localhost' };
  return nodemailer.createTransport({
    ...{ host: route.host, port: route.port, tls, secure: route.isSecure, ...options },
    getSocket(_, callback) {
      route.dialled().then((connection) => callback(null, { connection, secured: route.isSecure }), callback);
    },
  });
}

describeClient('nodemailer', ['postfix'], () => {
  const postfix = started(startPostfix);

  eachRoute({ 'trace + socks5': () => postfix().ports.smtp, tlsClient: () => postfix().ports.smtps }, (open) => {
    it(
      'sends mails of 1 MiB over one connection of a pool',
      invariants(async (h) => {
        const mailer = transport(await open(h), { pool: true, maxConnections: 1, ignoreTLS: true });
        for (const { accepted } of await Promise.all([mailer.sendMail(MAIL), mailer.sendMail(MAIL)])) assert.deepEqual(accepted, [MAIL.to]);
        mailer.close();
      }),
    );

    it(
      'reports a recipient that the server refuses, and goes on',
      invariants(async (h) => {
        const mailer = transport(await open(h), { ignoreTLS: true });
        await assert.rejects(mailer.sendMail({ ...MAIL, to: REFUSED }), { code: 'EENVELOPE' });
        assert.equal(await mailer.verify(), true);
      }),
    );
  });

  eachRoute({ 'trace + socks5': () => postfix().ports.smtp }, (open) => {
    it(
      'upgrades by STARTTLS, and sends a mail of 1 MiB',
      invariants(async (h) => {
        const mailer = transport(await open(h), { requireTLS: true });
        const { accepted } = await mailer.sendMail(MAIL);
        assert.deepEqual(accepted, [MAIL.to]);
      }),
    );

    it(
      'refuses a certificate that is not trusted after STARTTLS',
      invariants(async (h) => {
        const mailer = transport(await open(h), { requireTLS: true, tls: { ca: [], servername: 'localhost' } });
        await assert.rejects(mailer.sendMail(MAIL), { code: 'ESOCKET' });
      }),
    );
  });
});
