// The part of PostgreSQL's protocol 3.0 that a client of simple queries needs. Each conversation reads exactly its own replies.
import type { Link, Need } from 'rxjs-io-stream';
import { scramClient } from './scram.ts';

export interface Login {
  readonly user: string;
  readonly password?: string | undefined;
  readonly database?: string | undefined;
}

/** A row: the texts of its columns by name. */
export type Row = Readonly<Record<string, string | null>>;

/** A message: its type, one letter, and its content. */
export interface Message {
  readonly type: string;
  readonly content: Buffer;
}

/** An error reply of the server. `code` is its SQLSTATE, such as `42601`. */
export class PostgresError extends Error {
  override readonly name = 'PostgresError';
  readonly code: string;

  constructor(content: Buffer) {
    const fields = new Map(texts(content).map((field) => [field.slice(0, 1), field.slice(1)]));
    super(fields.get('M') ?? 'unknown error');
    this.code = fields.get('C') ?? '';
  }
}

const MAX_LENGTH = 64 * 2 ** 20;

/** Reads one message. */
export function* receive(link: Link): Generator<Need, Message, Uint8Array> {
  const head = Buffer.from(yield* link.read(5));
  const length = head.readInt32BE(1) - 4;
  if (!(length >= 0 && length <= MAX_LENGTH)) throw new Error(`expected a message of at most ${MAX_LENGTH} bytes, got one of ${length}`);
  return { type: head.toString('latin1', 0, 1), content: length > 0 ? Buffer.from(yield* link.read(length)) : Buffer.alloc(0) };
}

/** Encodes a message. The first one of a connection has no type. */
export function message(type: string, ...parts: readonly (string | Buffer)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  return Buffer.concat([Buffer.from(type), int32(content.length + 4), content]);
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** Splits a list of texts that each end in NUL. */
export function texts(content: Buffer): string[] {
  return content.toString().split('\0').filter(Boolean);
}

/** Logs in without a password (`trust`) or by SCRAM-SHA-256. Returns the process id of the server's backend. */
export function* login(link: Link, { user, password, database = user }: Login): Generator<Need, number, Uint8Array> {
  const settings = ['user', user, 'database', database, 'client_encoding', 'UTF8', ''];
  link.send(message('', int32(196_608), settings.map((text) => `${text}\0`).join('')));
  for (let pid = 0; ;) {
    const { type, content } = yield* receive(link);
    if (type === 'E') throw new PostgresError(content);
    if (type === 'R') yield* authenticate(link, content, password);
    if (type === 'K') pid = content.readInt32BE(0);
    if (type === 'Z') return pid;
  }
}

function* authenticate(link: Link, request: Buffer, password: string | undefined): Generator<Need, void, Uint8Array> {
  const kind = request.readInt32BE(0);
  if (kind === 0) return;
  if (kind !== 10 || !texts(request.subarray(4)).includes('SCRAM-SHA-256'))
    throw new Error(`expected the server to ask for no password or for SCRAM-SHA-256, got method ${kind}`);
  if (password === undefined) throw new Error('expected no password to be needed, the server asks for one');
  const scram = scramClient(password);
  link.send(message('p', 'SCRAM-SHA-256\0', int32(Buffer.byteLength(scram.first)), scram.first));
  link.send(message('p', scram.proof(yield* challenge(link, 11))));
  scram.verify(yield* challenge(link, 12));
}

function* challenge(link: Link, expected: number): Generator<Need, string, Uint8Array> {
  const { type, content } = yield* receive(link);
  if (type === 'E') throw new PostgresError(content);
  if (type !== 'R' || content.readInt32BE(0) !== expected) throw new Error(`expected step ${expected} of the login, got message ${type}`);
  return content.toString('utf8', 4);
}

/**
 * Runs a simple query. Returns the rows, or the error reply as a value: the connection can be used after it.
 *
 * @param isTransaction whether a transaction may stay open.
 */
export function* query(link: Link, sql: string, isTransaction = false): Generator<Need, readonly Row[] | PostgresError, Uint8Array> {
  link.send(message('Q', `${sql}\0`));
  const rows: Row[] = [];
  let columns: readonly string[] = [];
  let error: PostgresError | undefined;
  for (;;) {
    const { type, content } = yield* receive(link);
    if (type === 'T') columns = columnsOf(content);
    else if (type === 'D') rows.push(rowOf(columns, content));
    else if (type === 'E') error ??= new PostgresError(content);
    else if (type === 'G' || type === 'W') throw new Error('expected a query without COPY FROM STDIN');
    else if (type === 'Z') {
      // The next use must not get this connection inside a transaction.
      if (!isTransaction && content.toString() !== 'I') throw error ?? new Error('expected no BEGIN in a single query; use transaction()');
      return error ?? rows;
    }
  }
}

function columnsOf(content: Buffer): string[] {
  const names: string[] = [];
  for (let at = 2; names.length < content.readInt16BE(0);) {
    const end = content.indexOf(0, at);
    names.push(content.toString('utf8', at, end));
    at = end + 19; // Behind the name: six numbers about the column.
  }
  return names;
}

function rowOf(columns: readonly string[], content: Buffer): Row {
  let at = 2;
  const values = columns.map((name) => {
    const length = content.readInt32BE(at);
    const value = length < 0 ? null : content.toString('utf8', at + 4, at + 4 + length);
    at += 4 + Math.max(0, length);
    return [name, value] as const;
  });
  return Object.fromEntries(values);
}
