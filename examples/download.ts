// Downloads a file over HTTP/1.1, also through a proxy. Resumes where it stopped when the connection is lost.
//   npx tsx examples/download.ts URL [FILE] [--proxy http://USER:PASSWORD@HOST:PORT]
import { basename } from 'node:path';
import { backoff, connect, framed, httpProxy, IOStreamError, tlsClient, type Plugin } from 'rxjs-io-stream';
import { concat, defer, finalize, ignoreElements, map, retry, switchMap, takeWhile, throwError } from 'rxjs';
import type { Observable, ObservableInput } from 'rxjs';
import { PartFile } from './download/part-file.ts';
import { Refused, reply } from './download/reply.ts';
import { fail, parseCommandLine, runProgram, TEXT } from './support/command-line.ts';
import { showProgress } from './support/progress-bar.ts';

export interface DownloadOptions {
  readonly url: string;
  /** Written as FILE.part, and renamed when it is complete. */
  readonly file: string;
  /** Plugins such as proxies. For https, `ssl` replaces the default TLS plugin. */
  readonly plugin?: Readonly<Record<string, Plugin>>;
  /** How many connections may be lost. @default 10 */
  readonly attempts?: number;
  /** Milliseconds before the first retry. Doubles each time, up to 8 s. @default 250 */
  readonly wait?: number;
}

/** The progress in bytes, and how often the connection was lost. The total is undefined if the server sends chunks. */
export type Progress = { readonly received: number; readonly total: number | undefined; readonly cuts: number };

/** Downloads while subscribed. Cold. Emits the progress, completes when the file is complete. */
export function download({ url, file, plugin = {}, attempts = 10, wait = 250 }: DownloadOptions): Observable<Progress> {
  const { protocol, hostname, port, host, pathname, search } = new URL(url);
  const secure = protocol === 'https:';
  if (!secure && protocol !== 'http:') throw new TypeError(`expected a URL of http: or https:, got ${protocol}`);
  const options = {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || (secure ? 443 : 80)),
    plugin: { ...(secure && { ssl: tlsClient() }), ...plugin },
    timeouts: { idle: 30_000 },
  };
  const lines = [`GET ${pathname}${search} HTTP/1.1`, `Host: ${host}`, 'Accept-Encoding: identity', 'Connection: close'];
  const delays = backoff({ initial: wait, max: Math.max(wait, 8000), attempts });

  return defer(() => PartFile.create(file)).pipe(
    switchMap((part) => {
      let cuts = 0;
      const attempt$ = connect(options).pipe(
        switchMap((io) => {
          io.write([...lines, ...part.rangeHeaders, '', ''].join('\r\n'));
          // Reads the next part of the reply only after this one is written to the file.
          const parts$ = framed(io, reply()).consume((each) => part.append(each));
          return concat(
            parts$,
            throwError(() => cutAfter(part.received)),
          );
        }),
        takeWhile((last) => !last, true),
        map(() => ({ received: part.received, total: part.total, cuts })),
      );
      const delay = (error: unknown, attempt: number): ObservableInput<unknown> => {
        const isCut = error instanceof IOStreamError && !(error.cause instanceof Refused) && (part.received > 0 || cuts > 0);
        cuts += 1;
        return isCut ? delays.delay(error, attempt) : throwError(() => error);
      };
      const finish$ = defer(() => part.finish()).pipe(ignoreElements());
      return concat(attempt$.pipe(retry({ delay })), finish$).pipe(finalize(() => void part.close()));
    }),
  );
}

const cutAfter = (received: number): Error =>
  new IOStreamError('ECONNRESET', { phase: 'read', message: `the server ended after ${received} bytes` });

function main(): void {
  const { values, positionals } = parseCommandLine({ proxy: TEXT });
  const [url = '', file = basename(new URL(url).pathname) || 'index.html'] = positionals;
  const plugin = values.proxy === undefined ? {} : { proxy: httpProxy(values.proxy) };
  download({ url, file, plugin })
    .pipe(
      showProgress(({ received, total = Infinity, cuts }) => ({
        value: received,
        total,
        note: cuts === 0 ? '' : `resumed ${cuts} times | `,
      })),
    )
    .subscribe({ error: fail, complete: () => console.log(`${file} is complete`) });
}

runProgram(import.meta.url, main);
