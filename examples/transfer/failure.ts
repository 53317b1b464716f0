import { EDNS, ETOCONNECT, ETOIDLE, ETOWRITE, IOStreamError } from 'rxjs-io-stream';
import { count } from './format.ts';

/** An error for the user: what was expected, what happened, and what to do. */
export class Failure extends Error {
  constructor(expected: string, came: string, hint: string) {
    super(`FAILED  expected  ${expected}\n        came      ${came}\n        do        ${hint}`);
  }
}

/** The progress of the transfer, and its server. */
export interface Situation {
  /** HOST:PORT. Undefined until it is known. */
  readonly to?: string;
  readonly size?: number;
  readonly back?: number;
}

const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'start an echo server there, or leave out --to to use the embedded one',
  [EDNS]: 'check the name of the host',
  [ETOCONNECT]: 'check the address, and that no firewall is between',
  [ETOIDLE]: 'check that the server echoes while it reads, and ends after us',
  [ETOWRITE]: 'check that the server reads while it sends',
};

/** Converts any error to a {@link Failure}. */
export function explain(error: unknown, { to = 'the server', size = 0, back = 0 }: Situation): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof IOStreamError) {
    const { code, phase, message } = error;
    const connected = phase !== 'resolve' && phase !== 'connect';
    const expected = connected ? `all ${count(size, 'byte')} back from ${to}` : `a connection to ${to}`;
    const came = connected ? `${count(back, 'byte')}, then ${code}: ${message}` : `${code}: ${message}`;
    return new Failure(expected, came, HINTS[code] ?? 'check the server and the way to it');
  }
  if (isFileError(error)) return new Failure('a file that can be read', error.message, 'check its permissions and the disk');
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Failure('a transfer without surprises', text, 'report this: it is a bug');
}

function isFileError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}
