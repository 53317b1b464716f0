import { converse, listen, startTls, type IOStream, type Link, type Need, type Server } from 'rxjs-io-stream';
import { concat, finalize, ignoreElements, mergeMap, tap, type Observable } from 'rxjs';
import { cert, key } from '../support/identity.ts';

/** A received mail. */
export interface Received {
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

/** The maximum length of a mail, in bytes. */
const LIMIT = 1_000_000;

/** Creates a mail server that accepts one mail per connection, only with TLS. For demonstration, not for production. */
export function mailServer(received: (mail: Received) => void): Observable<Server> {
  return listen({ host: '127.0.0.1', port: 0 }, (io) =>
    concat(
      converse(io, untilTls).pipe(ignoreElements()),
      io.send(['220 go ahead\r\n']).pipe(ignoreElements()), // completes when it is sent: TLS starts after it
      startTls(io, { isServer: true, key, cert }).pipe(
        mergeMap((secure) =>
          mailOf(secure).pipe(
            tap(received),
            finalize(() => secure.end()),
          ),
        ),
      ),
    ),
  );
}

function* untilTls(link: Link): Generator<Need, void, Uint8Array> {
  link.send('220 mail.test ready\r\n');
  for (let command = ''; command !== 'STARTTLS';) {
    command = yield* line(link);
    if (command.startsWith('EHLO')) link.send('250-mail.test\r\n250 STARTTLS\r\n');
    else if (command !== 'STARTTLS') link.send('530 STARTTLS first\r\n');
  }
}

function mailOf(io: IOStream): Observable<Received> {
  return converse(io, function* (link) {
    const mail = { from: '', to: '', text: '' };
    for (let command = yield* line(link); command !== 'QUIT'; command = yield* line(link)) {
      const [, verb = '', address = ''] = /^(EHLO|MAIL FROM|RCPT TO|DATA)(?::<(.*)>)?/i.exec(command) ?? [];
      if (verb === 'MAIL FROM') mail.from = address;
      if (verb === 'RCPT TO') mail.to = address;
      if (verb === 'DATA') {
        link.send('354 end it with a dot\r\n');
        const text = Buffer.from(yield* link.readUntil('\r\n.\r\n', LIMIT)).toString();
        mail.text = text.replace(/^\.(?=.)/gm, '').replace(/^\.\r\n$/m, '');
      }
      link.send(verb === '' ? '500 what?\r\n' : '250 ok\r\n');
    }
    link.send('221 bye\r\n');
    return mail;
  });
}

function* line(link: Link): Generator<Need, string, Uint8Array> {
  return Buffer.from(yield* link.readUntil('\r\n', 512))
    .toString()
    .trimEnd();
}
