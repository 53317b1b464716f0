// Clients that connect, ask one request after another, and count what goes wrong.
import { connect, framed, type IOStreamError, lines, requests } from 'rxjs-io-stream';
import { catchError, concatMap, defer, delay, EMPTY, finalize, ignoreElements, lastValueFrom, range, tap, type Observable } from 'rxjs';

export interface LoadOptions {
  readonly at: { readonly host: string; readonly port: number } | { readonly path: string };
  /** Minimum number of connections in all. */
  readonly connections: number;
  /** Whether clients go on to connect after `connections`. */
  readonly goesOn: () => boolean;
  /** Number of connections at a time. */
  readonly concurrency: number;
  /** Requests on each connection, one after another. */
  readonly requests: number;
  /** Maximum milliseconds between two requests of a connection. */
  readonly pause: number;
}

/** What the clients have seen so far. */
export class Counts {
  /** Attempts to connect. */
  started = 0;
  /** Attempts and connections that have ended. */
  ended = 0;
  /** Attempts to connect that failed. */
  refused = 0;
  /** Connections that were open and failed, by ECONNRESET and others. */
  reset = 0;
  /** Requests with their right answer. */
  answered = 0;
  /** Requests without it. */
  lost = 0;
  /** The codes of all errors. */
  readonly codes = new Set<string>();
  /** The processes that have answered. */
  readonly pids = new Set<string>();
}

/** Runs the clients. Updates `counts` while it runs. */
export async function load(options: LoadOptions, counts: Counts): Promise<void> {
  const { connections, goesOn, concurrency } = options;
  const next = async (): Promise<void> => {
    while (counts.started < connections || goesOn()) {
      counts.started += 1;
      await lastValueFrom(client(counts.started, options, counts), { defaultValue: undefined });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, next));
}

function client(id: number, { at, requests: count, pause }: LoadOptions, counts: Counts): Observable<never> {
  return defer(() => {
    let answered = 0;
    return connect(at, (io) => {
      const { request } = requests(framed(io, lines({ maxLength: 1000 })));
      return range(count).pipe(
        concatMap((number) => {
          const question = `${id}.${number}`;
          return request(question).pipe(
            tap((reply) => {
              const [text, pid = ''] = reply.split(' ');
              if (text !== question) return;
              answered += 1;
              counts.pids.add(pid);
            }),
            delay(Math.random() * pause),
          );
        }),
      );
    }).pipe(
      ignoreElements(),
      catchError((error: unknown) => {
        const { code, phase } = error as IOStreamError;
        if (phase === 'connect') counts.refused += 1;
        else counts.reset += 1;
        counts.codes.add(code);
        return EMPTY;
      }),
      finalize(() => {
        counts.ended += 1;
        counts.answered += answered;
        counts.lost += count - answered;
      }),
    );
  });
}
