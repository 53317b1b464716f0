/**
 * A program that uses an fh of its own, and writes a summary of the inbound signals.
 *
 *   node --import tsx fh-child.ts RESULT FH STEP…
 *
 * FH: `stdin`, `stdout`, a number, `tty:NUMBER` (a `tty.ReadStream`), or `FLAGS:PATH`, which is opened. STEP: `write:TEXT`,
 * `end`, `close` (Flow completes), `await:KIND` (an inbound signal), `ready` (a line on stdout). RESULT: a file for the summary as JSON,
 * written at the exit. The program does not force its exit.
 */
import { fstatSync, openSync, writeFileSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { asyncScheduler, filter, firstValueFrom, ReplaySubject, Subject } from 'rxjs';
import type { IOStreamError } from '../../src/errors.ts';
import { fromFh, type Fh } from '../../src/wire/fh/fh.ts';
import { END, type Flow, type Up } from '../../src/wire/signal.ts';

/** What the program writes to RESULT. */
export interface Summary {
  /** The kinds of the inbound signals without consecutive repetitions. */
  kinds: string[];
  data: string;
  sent: number;
  state: 'open' | 'complete' | 'error';
  /** Whether the descriptor FH, if it is a number, is still open. */
  isOpen: boolean;
  code?: string;
  phase?: string;
  message?: string;
}

const [result = '', fhArgument = '', ...steps] = process.argv.slice(2);
const summary: Summary = { kinds: [], data: '', sent: 0, state: 'open', isOpen: false };
process.on('exit', () => writeFileSync(result, JSON.stringify({ ...summary, isOpen: isOpen() })));

const flow$ = new Subject<Flow>();
let fh: Fh | undefined;
const up$ = new ReplaySubject<Up>(Infinity);
const TIMEOUTS = { resolve: 5000, connect: 5000, handshake: 5000, establish: 5000, write: 5000, idle: Infinity, close: 3000 };

function opened(): Fh {
  if (fhArgument === 'stdin') return process.stdin;
  if (fhArgument === 'stdout') return process.stdout;
  if (fhArgument.startsWith('tty:')) return new ReadStream(Number(fhArgument.slice(4)));
  const at = fhArgument.indexOf(':');
  return at < 0 ? Number(fhArgument) : openSync(fhArgument.slice(at + 1), fhArgument.slice(0, at));
}

function isOpen(): boolean {
  try {
    if (typeof fh !== 'number') return false;
    fstatSync(fh);
    return true;
  } catch {
    return false;
  }
}

function failed(error: unknown): void {
  const { code, phase, message } = error as IOStreamError;
  Object.assign(summary, { state: 'error', code, phase, message });
}

async function perform(): Promise<void> {
  for (const step of steps) {
    const [verb, argument = ''] = step.split(/:(.*)/s);
    if (verb === 'write') flow$.next({ kind: 'data', bytes: Buffer.from(argument) });
    else if (verb === 'end') flow$.next(END);
    else if (verb === 'close') flow$.complete();
    else if (verb === 'ready') console.log('ready');
    else await firstValueFrom(up$.pipe(filter(({ kind }) => kind === argument)));
  }
}

up$.subscribe({
  next: (signal) => {
    if (summary.kinds.at(-1) !== signal.kind) summary.kinds.push(signal.kind);
    if (signal.kind === 'data') summary.data += Buffer.from(signal.bytes).toString('latin1');
    if (signal.kind === 'sent') summary.sent += signal.bytes;
  },
  error: failed,
  complete: () => (summary.state = 'complete'),
});
try {
  const dial = { timeouts: TIMEOUTS, deadline: Infinity, scheduler: asyncScheduler };
  fh = opened();
  flow$.pipe(fromFh(fh)(dial)).subscribe(up$);
  // A step that waits for a signal after the end has already failed: see the summary.
  perform().catch(() => {});
} catch (error) {
  failed(error);
}
