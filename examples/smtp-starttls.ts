// Sends a mail over SMTP (RFC 5321) that is upgraded to TLS in mid-stream (STARTTLS, RFC 3207); without TLS nothing is sent.
//   npx tsx examples/smtp-starttls.ts                                            to a server of its own
//   npx tsx examples/smtp-starttls.ts mail.test 587 me@mail.test you@mail.test < mail.txt
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { connect, converse, startTls, type Link, type Need, type TlsClientOptions } from 'rxjs-io-stream';
import { concat, concatMap, finalize, ignoreElements, lastValueFrom, mergeMap, type Observable } from 'rxjs';
import { mailServer } from './smtp-starttls/mail-server.ts';
import { started } from './support.ts';
import { cert } from './support/identity.ts';

export interface Mail {
  readonly from: string;
  readonly to: string;
  /** Headers, an empty line, and the text; lines may end in LF or CRLF. */
  readonly text: string;
}

export interface MailServer {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsClientOptions | undefined;
}

/** Sends one mail; emits the server's last word on it, `250 …`, and completes when the connection is closed. */
export function sendMail({ host, port, tls }: MailServer, { from, to, text }: Mail): Observable<string> {
  for (const address of [from, to])
    if (!/^[^\s<>@]+@[^\s<>@]+$/.test(address)) throw new TypeError(`expected a mail address, got '${address}'`);
  return connect({ host, port, timeouts: { establish: 10_000, idle: 60_000 } }).pipe(
    mergeMap((io) => converse(io, askForTls).pipe(mergeMap(() => startTls(io, tls)))),
    concatMap((io) =>
      concat(
        converse(io, (link) => introduce(link, from, to)).pipe(ignoreElements()),
        io.send([dotted(text)]).pipe(ignoreElements()), // with backpressure, however long it is
        converse(io, farewell),
      ).pipe(finalize(() => io.close())),
    ),
  );
}

/** In clear text: finds out whether there is TLS, and asks for it. */
function* askForTls(link: Link): Talk {
  yield* reply(link, 220);
  link.send('EHLO localhost\r\n');
  const abilities = yield* reply(link, 250);
  if (!/^250[ -]STARTTLS\s*$/im.test(abilities)) throw new Error('expected a server that offers STARTTLS, this one does not');
  link.send('STARTTLS\r\n');
  return yield* reply(link, 220);
}

/** All that was said before TLS counts for nothing, so it begins again. */
function* introduce(link: Link, from: string, to: string): Talk {
  for (const [command, code] of [
    ['EHLO localhost', 250],
    [`MAIL FROM:<${from}>`, 250],
    [`RCPT TO:<${to}>`, 250],
    ['DATA', 354],
  ] as const) {
    link.send(`${command}\r\n`);
    yield* reply(link, code);
  }
  return '';
}

function* farewell(link: Link): Talk {
  const accepted = yield* reply(link, 250);
  link.send('QUIT\r\n');
  yield* reply(link, 221);
  return accepted;
}

type Talk = Generator<Need, string, Uint8Array>;

/** A reply of more lines than this is refused; it would never end. */
const MAX_LINES = 100;

/** One reply, of one line or more; any other code than this is an error. */
function* reply(link: Link, code: number): Talk {
  let lines = '';
  let line = '';
  for (let count = 1; count === 1 || line[3] === '-'; count += 1) {
    if (count > MAX_LINES) throw new Error(`expected a reply of ${MAX_LINES} lines at most, got more`);
    line = Buffer.from(yield* link.readUntil('\r\n', 512)).toString();
    lines += line;
  }
  if (!lines.startsWith(String(code))) throw new Error(`expected ${code} of the mail server, got '${lines.trim()}'`);
  return lines.trim();
}

/**
 * Lines end in CRLF, and one that begins with a dot gets another, so that a line of one dot is the end. A lone CR or LF ends a
 * line, too: some servers take it for one, and would end the mail at a dot behind it.
 */
function dotted(text: string): string {
  const lines = text.replace(/(\r\n|\r|\n)$/, '').split(/\r\n|\r|\n/);
  return [...lines.map((line) => (line.startsWith('.') ? `.${line}` : line)), '.', ''].join('\r\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [host, port, from = '', to = ''] = process.argv.slice(2);
  try {
    if (host === undefined) await demonstrate();
    else console.log(await lastValueFrom(sendMail({ host, port: Number(port) }, { from, to, text: await text(process.stdin) })));
  } catch (error) {
    console.error(String(error));
    process.exitCode = 1;
  }
}

async function demonstrate(): Promise<void> {
  const { port, stop } = await started(mailServer(({ from, to, text }) => console.log(`from ${from} to ${to}:\n${text}`)));
  const mail = { from: 'me@mail.test', to: 'you@mail.test', text: 'Subject: hello\n\n.hidden from nobody\n' };
  console.log(await lastValueFrom(sendMail({ host: 'localhost', port, tls: { ca: cert } }, mail)));
  stop();
}
