import { EDNS, ETOCONNECT, ETOIDLE, ETOWRITE, IOStreamError } from 'rxjs-io-stream';
import { formatCount } from '../support/format.ts';

/** An error for the user: what was expected, what happened, and what to do. */
export class Failure extends Error {
  constructor(expected: string, got: string, hint: string) {
    super(`FAILED  expected  ${expected}\n        got       ${got}\n        hint      ${hint}`);
  }
}

/** How far the transfer was when it failed. */
export interface Situation {
  /** HOST:PORT of the server. */
  readonly to: string;
  /** Bytes of the file, and bytes that have come back. */
  readonly size: number;
  readonly back: number;
}

const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'start an echo server there, or leave out --to to use the embedded one',
  [EDNS]: 'check the name of the host',
  [ETOCONNECT]: 'check the address, and that no firewall is between',
  [ETOIDLE]: 'check that the server echoes while it reads, and ends after us',
  [ETOWRITE]: 'check that the server reads while it sends',
};

/** Converts any error to a {@link Failure}. */
export function explain(error: unknown, situation?: Situation): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof IOStreamError && situation) return explainConnection(error, situation);
  if (isFileError(error)) return new Failure('a file that can be read', error.message, 'check its permissions and the disk');
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Failure('a transfer without surprises', text, 'report this: it is a bug');
}

function explainConnection({ code, phase, message }: IOStreamError, { to, size, back }: Situation): Failure {
  const hint = HINTS[code] ?? 'check the server and the way to it';
  if (phase === 'resolve' || phase === 'connect') return new Failure(`a connection to ${to}`, `${code}: ${message}`, hint);
  return new Failure(`all ${formatCount(size, 'byte')} back from ${to}`, `${formatCount(back, 'byte')}, then ${code}: ${message}`, hint);
}

function isFileError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}
