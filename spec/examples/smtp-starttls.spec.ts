import { NEVER } from 'rxjs';
import { converse, EPROTOCOL, ETLSCERT, type IOStream } from 'rxjs-io-stream';
import { describe, expect, it } from 'vitest';
import { sendMail, type Mail } from '../../examples/smtp-starttls.ts';
import { mailServer, type Received } from '../../examples/smtp-starttls/mail-server.ts';
import { cert } from '../../examples/support/identity.ts';
import { serving } from '../support/clients.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { runProgram } from '../support/run-program.ts';

const MAIL: Mail = { from: 'me@mail.test', to: 'you@mail.test', text: 'Subject: hello\n\n.\n..two\nand é\n' };
const tls = { ca: cert, servername: 'localhost' };

/** Starts the embedded server. Returns the mails that it receives, and its address. */
async function served(h: Harness): Promise<{ readonly got: Received[]; readonly at: { host: string; port: number } }> {
  const got: Received[] = [];
  const server = await h.observed(mailServer((mail) => got.push(mail))).value();
  return { got, at: { host: '127.0.0.1', port: (server.address as { port: number }).port } };
}

/** Starts a server that greets with the first reply, and answers each line with the next one. */
async function scripted(h: Harness, received: string[], ...replies: readonly string[]): Promise<{ host: string; port: number }> {
  const { at } = await serving(h, (io: IOStream) =>
    converse(io, function* (link) {
      for (const reply of replies) {
        link.send(reply);
        received.push(Buffer.from(yield* link.readUntil('\r\n', 512)).toString());
      }
      yield* link.wait(() => NEVER);
    }),
  );
  return at;
}

describe('examples/smtp-starttls.ts', () => {
  it('runs as a program that sends a mail to its embedded server', async () => {
    const run = runProgram('examples/smtp-starttls.ts');
    await run.prints(/^from me@mail\.test to you@mail\.test:\nSubject: hello\r\n\r\n\.hidden from nobody\r\n/m);
    await run.prints(/^250 ok$/m);
  });

  spec('sends every line unchanged, however long the mail is', async (h) => {
    const { got, at } = await served(h);
    for (const text of [MAIL.text, 'x', '', `${'long line '.repeat(80)}\n`.repeat(1000)]) {
      const sent = h.observed(sendMail({ ...at, tls }, { ...MAIL, text }));
      await sent.ended;
      expect([sent.state, sent.values]).toStrictEqual(['complete', ['250 ok']]);
      const lines = text.endsWith('\n') ? text : `${text}\n`;
      expect(got.at(-1)?.text.replaceAll('\r\n', '\n')).toBe(lines);
      expect([got.at(-1)?.from, got.at(-1)?.to]).toStrictEqual([MAIL.from, MAIL.to]);
    }
  });

  spec('sends no mail without TLS, to an unverified server, or after injected plain text', async (h) => {
    const { at, got } = await served(h);
    const unknown = h.observed(sendMail({ ...at, tls: { servername: 'localhost' } }, MAIL));
    await unknown.ended;
    h.error(unknown.error, { code: ETLSCERT, layer: 'tls' });
    expect(got).toStrictEqual([]);

    const received: string[] = [];
    const plain = h.observed(sendMail(await scripted(h, received, '220 x\r\n', '250 x\r\n'), MAIL));
    await plain.ended;
    expect((plain.error as Error).message).toContain('expected a server that offers STARTTLS');

    const injected = await scripted(h, received, '220 x\r\n', '250-x\r\n250 STARTTLS\r\n', '220 go\r\n250 injected\r\n');
    const behind = h.observed(sendMail({ ...injected, tls }, MAIL));
    await behind.ended;
    h.error(behind.error, { code: EPROTOCOL, layer: 'tls' });
    expect(received).toStrictEqual(['EHLO localhost\r\n', 'EHLO localhost\r\n', 'STARTTLS\r\n']);
  });

  spec('quotes the reply that was not expected', async (h) => {
    const busy = h.observed(sendMail(await scripted(h, [], '421 too busy\r\n'), MAIL));
    await busy.ended;
    expect((busy.error as Error).message).toContain("expected 220 of the mail server, got '421 too busy'");
  });

  spec('refuses a reply of more than 100 lines', async (h) => {
    const endless = h.observed(sendMail(await scripted(h, [], '220 x\r\n', '250-x\r\n'.repeat(1000)), MAIL));
    await endless.ended;
    expect((endless.error as Error).message).toContain('expected a reply of 100 lines at most, got more');
  });

  spec('escapes lines with a single dot, whatever ends the lines', async (h) => {
    const { got, at } = await served(h);
    const sent = h.observed(sendMail({ ...at, tls }, { ...MAIL, text: 'a\r.\r\nb\n.\rc\r\n.\nd\r' }));
    await sent.ended;
    expect([sent.state, sent.values]).toStrictEqual(['complete', ['250 ok']]);
    expect(got.at(-1)?.text).toBe('a\r\n.\r\nb\r\n.\r\nc\r\n.\r\nd\r\n');
  });

  it.each(['me', 'me@x y', 'me@mail.test>\r\nRCPT TO:<all@mail.test'])('refuses the address %j', (from) => {
    expect(() => sendMail({ host: '127.0.0.1', port: 1 }, { ...MAIL, from })).toThrow(/expected a mail address, got/);
  });
});
