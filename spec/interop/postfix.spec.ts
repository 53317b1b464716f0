import { firstValueFrom } from 'rxjs';
import { converse, open, type IOStream, type Link, type Need } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { startTls } from '../../src/stream/start-tls.ts';
import { ca } from '../support/certificates.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { PAYLOAD } from './exchange.ts';
import { describePeer, started } from './peers.ts';
import { startPostfix } from './peers/postfix.ts';

/** Maximum length of a line of a reply: RFC 5321, section 4.5.3.1.5. */
const MAX_LINE = 512;
/** A mail of 1 MiB, in lines of the length that SMTP allows. */
const MAIL = PAYLOAD.toString('base64').slice(0, PAYLOAD.length).replace(/.{76}/g, '$&\r\n');

type Conversation<T> = Generator<Need, T, Uint8Array>;

/** Reads all lines of a reply, and expects this code. */
function* reply(link: Link, code: number): Conversation<string> {
  let text = '';
  for (let more = true; more;) {
    const line = Buffer.from(yield* link.readUntil('\r\n', MAX_LINE)).toString('latin1');
    more = line[3] === '-';
    text += line;
  }
  expect(text).toMatch(new RegExp(`^${code}[ -]`));
  return text;
}

function* ask(link: Link, line: string, code: number): Conversation<string> {
  link.send(`${line}\r\n`);
  return yield* reply(link, code);
}

/** Sends EHLO and STARTTLS. Returns when the server is ready for TLS. */
function* requestTls(link: Link): Conversation<void> {
  yield* reply(link, 220);
  expect(yield* ask(link, 'EHLO localhost', 250)).toMatch(/STARTTLS/);
  yield* ask(link, 'STARTTLS', 220);
}

/** Delivers a mail of 1 MiB, and quits. */
function* deliver(link: Link): Conversation<void> {
  expect(yield* ask(link, 'EHLO localhost', 250)).not.toMatch(/STARTTLS/);
  yield* ask(link, 'MAIL FROM:<from@localhost>', 250);
  yield* ask(link, 'RCPT TO:<to@localhost>', 250);
  yield* ask(link, 'DATA', 354);
  yield* ask(link, `Subject: many bytes\r\n\r\n${MAIL}\r\n.`, 250);
  yield* ask(link, 'QUIT', 221);
}

/** Closes. Postfix does not wait for our close_notify, and its kernel may answer it by a reset. */
async function close(h: Harness, io: IOStream): Promise<void> {
  io.close();
  const { by, error } = await firstValueFrom(io.closed$);
  expect(by).toBe('us');
  if (error !== undefined) h.error(error, { code: 'ECONNRESET', phase: 'close' });
}

describePeer('postfix', 'postfix', () => {
  const postfix = started(startPostfix);
  const talk = <T>(io: IOStream, conversation: (link: Link) => Conversation<T>): Promise<T> => firstValueFrom(converse(io, conversation));

  describe('STARTTLS', () => {
    const plain = async (h: Harness): Promise<IOStream> =>
      watchedStream(h, await open({ host: 'localhost', family: 4, port: postfix().ports.smtp }));

    spec('upgrades an open stream to TLS, and delivers a mail of 1 MiB', async (h) => {
      const io = await plain(h);
      await talk(io, requestTls);
      const upgraded = h.observed(startTls(io, { ca }), 'startTls');
      const secure = watchedStream(h, await upgraded.value());
      expect((await firstValueFrom(io.closed$)).by).toBe('upgraded');
      await talk(secure, deliver);
      await close(h, secure);
    });

    spec('fails with ETLSCERT, without a stream, if the certificate is not trusted', async (h) => {
      const io = await plain(h);
      await talk(io, requestTls);
      const upgraded = h.observed(startTls(io, {}), 'startTls');
      await upgraded.ended;
      expect(upgraded.values).toStrictEqual([]);
      h.error(upgraded.error, { code: 'ETLSCERT', phase: 'handshake' });
    });
  });

  spec('delivers a mail of 1 MiB over TLS from the first byte on', async (h) => {
    const options = { host: 'localhost', family: 4, port: postfix().ports.smtps, plugin: { ssl: tlsClient({ ca }) } } as const;
    const io = watchedStream(h, await open(options));
    await talk(io, function* (link) {
      yield* reply(link, 220);
      yield* deliver(link);
    });
    await close(h, io);
  });
});
