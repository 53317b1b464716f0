// Answers as PostgreSQL does, for machines without one: SCRAM logins, BEGIN, COMMIT, ROLLBACK, and SELECT of a number, a text or the pid.
import { converse, listen, type Link, type Need, type Server } from 'rxjs-io-stream';
import type { Observable } from 'rxjs';
import { int32, message, receive, texts, type Login } from './protocol.ts';
import { scramServer } from './scram.ts';

let lastPid = 1000;

/** Listens on a free port of loopback. */
export function responder({ user, password }: Login): Observable<Server> {
  return listen({ host: '127.0.0.1', port: 0 }, (io) =>
    converse(io, function* (link) {
      const length = Buffer.from(yield* link.read(4)).readInt32BE(0);
      const settings = texts(Buffer.from(yield* link.read(length - 4)).subarray(4));
      const isKnown = settings[settings.indexOf('user') + 1] === user && (yield* authenticate(link, password));
      if (!isKnown) {
        link.send(failure('28P01', `password authentication failed for user "${user}"`));
        return;
      }
      const pid = (lastPid += 1);
      link.send(Buffer.concat([message('R', int32(0)), message('K', int32(pid), int32(7)), message('Z', 'I')]));
      yield* serve(link, pid);
    }),
  );
}

function* authenticate(link: Link, password: string | undefined): Generator<Need, boolean, Uint8Array> {
  if (password === undefined) return true;
  link.send(message('R', int32(10), 'SCRAM-SHA-256\0\0'));
  const { content } = yield* receive(link);
  const scram = scramServer(password, content.toString('utf8', 'SCRAM-SHA-256\0'.length + 4));
  link.send(message('R', int32(11), scram.first));
  const final = scram.final((yield* receive(link)).content.toString());
  if (final !== undefined) link.send(message('R', int32(12), final));
  return final !== undefined;
}

function* serve(link: Link, pid: number): Generator<Need, void, Uint8Array> {
  for (let state = 'I'; ;) {
    const { type, content } = yield* receive(link);
    if (type === 'X') return;
    const sql = texts(content)[0] ?? '';
    if (/^begin$/i.test(sql)) state = 'T';
    if (/^(commit|rollback)$/i.test(sql)) state = 'I';
    const reply = replyTo(sql, pid);
    if (reply === undefined && state === 'T') state = 'E';
    link.send(Buffer.concat([reply ?? failure('42601', `syntax error at or near "${sql.split(' ', 1)[0]}"`), message('Z', state)]));
  }
}

function replyTo(sql: string, pid: number): Buffer | undefined {
  const [, value, text, name = '?column?'] = /^select (?:(pg_backend_pid\(\)|\d+)|'([^']*)')(?: as (\w+))?$/i.exec(sql) ?? [];
  const shown = value?.startsWith('pg') ? String(pid) : (value ?? text);
  if (shown === undefined) return /^(begin|commit|rollback)$/i.test(sql) ? message('C', `${sql.toUpperCase()}\0`) : undefined;
  const bytes = Buffer.from(shown);
  const row = [Buffer.from([0, 1]), int32(bytes.length), bytes];
  return Buffer.concat([
    message('T', Buffer.from([0, 1]), `${name}\0`, Buffer.alloc(18)),
    message('D', ...row),
    message('C', 'SELECT 1\0'),
  ]);
}

function failure(code: string, text: string): Buffer {
  return message('E', `SERROR\0C${code}\0M${text}\0\0`);
}
