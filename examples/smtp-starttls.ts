// Sends a mail over SMTP (RFC 5321), upgraded to TLS with STARTTLS (RFC 3207). Without TLS, no mail is sent.
//   npx tsx examples/smtp-starttls.ts                                            to an embedded server
//   npx tsx examples/smtp-starttls.ts mail.test 587 me@mail.test you@mail.test < mail.txt
import { text } from 'node:stream/consumers';
import { connect, converse, startTls, type Link, type Need, type TlsClientOptions } from 'rxjs-io-stream';
import { concat, concatMap, finalize, ignoreElements, lastValueFrom, mergeMap, type Observable } from 'rxjs';
import { mailServer } from './smtp-starttls/mail-server.ts';
import { parseCommandLine, parsePort, runProgram } from './support/command-line.ts';
import { cert } from './support/identity.ts';
import { started } from './support/started.ts';

export interface Mail {
  readonly from: string;
  readonly to: string;
  /** Headers, an empty line, and the body. Lines may end in LF or CRLF. */
  readonly text: string;
}

export interface MailServer {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsClientOptions | undefined;
}

/** Sends one mail. Emits the server's final reply, `250 …`, and completes when the connection is closed. */
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

/** Requests STARTTLS, in clear text. Throws if the server does not offer it. */
function* askForTls(link: Link): Conversation {
  yield* reply(link, 220);
  link.send('EHLO localhost\r\n');
  const abilities = yield* reply(link, 250);
  if (!/^250[ -]STARTTLS\s*$/im.test(abilities)) throw new Error('expected a server that offers STARTTLS, this one does not');
  link.send('STARTTLS\r\n');
  return yield* reply(link, 220);
}

/** Starts the session again: RFC 3207 discards all state from before TLS. */
function* introduce(link: Link, from: string, to: string): Conversation {
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

function* farewell(link: Link): Conversation {
  const accepted = yield* reply(link, 250);
  link.send('QUIT\r\n');
  yield* reply(link, 221);
  return accepted;
}

type Conversation = Generator<Need, string, Uint8Array>;

/** The maximum number of lines in a reply, so that reading always ends. */
const MAX_LINES = 100;

/** Reads one reply of one or more lines. Throws if it has another code. */
function* reply(link: Link, code: number): Conversation {
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
 * Ends each line with CRLF, and doubles a leading dot, because a line with a single dot ends the mail. Also treats a lone CR or LF
 * as a line end: some servers do, and would end the mail at a dot after it.
 */
function dotted(text: string): string {
  const lines = text.replace(/(\r\n|\r|\n)$/, '').split(/\r\n|\r|\n/);
  return [...lines.map((line) => (line.startsWith('.') ? `.${line}` : line)), '.', ''].join('\r\n');
}

async function main(): Promise<void> {
  const [host, port, from = '', to = ''] = parseCommandLine().positionals;
  if (host === undefined) await demonstrate();
  else console.log(await lastValueFrom(sendMail({ host, port: parsePort(port) }, { from, to, text: await text(process.stdin) })));
}

async function demonstrate(): Promise<void> {
  const { port, stop } = await started(mailServer(({ from, to, text }) => console.log(`from ${from} to ${to}:\n${text}`)));
  const mail = { from: 'me@mail.test', to: 'you@mail.test', text: 'Subject: hello\n\n.hidden from nobody\n' };
  console.log(await lastValueFrom(sendMail({ host: 'localhost', port, tls: { ca: cert } }, mail)));
  stop();
}

runProgram(import.meta.url, main);
