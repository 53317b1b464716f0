// Downloads a file over HTTP/1.1, also through a proxy. Resumes where it stopped when the connection is lost.
//   npx tsx examples/download.ts URL [FILE] [--proxy http://HOST:PORT]
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { backoff, connect, framed, httpProxy, IOStreamError, tlsClient, type Plugin } from 'rxjs-io-stream';
import {
  concat,
  defer,
  finalize,
  ignoreElements,
  map,
  retry,
  switchMap,
  takeWhile,
  throttleTime,
  throwError,
  type Observable,
  type ObservableInput,
} from 'rxjs';
import { refuse, Refused, reply, type Head, type Part } from './download/reply.ts';

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

/** The progress in bytes. The total is undefined if the server sends chunks. */
export type Progress = { readonly received: number; readonly total: number | undefined; readonly cuts: number };

/** Downloads while subscribed. Cold. Emits the progress, completes when the file is complete. */
export function download({ url, file, plugin = {}, attempts = 10, wait = 250 }: DownloadOptions): Observable<Progress> {
  const { protocol, hostname, port, host, pathname, search } = new URL(url);
  const secure = protocol === 'https:';
  if (!secure && protocol !== 'http:') throw new TypeError(`expected a URL of http: or https:, got ${protocol}`);
  const layers = { ...(secure && { ssl: tlsClient() }), ...plugin };
  const target = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (secure ? 443 : 80)) };
  const lines = [`GET ${pathname}${search} HTTP/1.1`, `Host: ${host}`, 'Accept-Encoding: identity', 'Connection: close'];

  return defer(() => create(`${file}.part`)).pipe(
    switchMap((part) => {
      let [received, cuts] = [0, 0];
      let total: number | undefined;
      /** Identifies the version of the file in `If-Range`. Without it, a retry starts from byte 0. */
      let validator: string | undefined;
      const begin = async ({ status, headers }: Head): Promise<void> => {
        const range = headers['content-range'] ?? 'no range';
        const [, start, whole] = /^bytes (\d+)-\d+\/(\d+)$/.exec(range) ?? [];
        if (status === 206 && (validator === undefined || Number(start) !== received)) refuse(`the file from byte ${received} on`, range);
        if (status === 206 && total !== undefined && Number(whole) !== total) refuse(`the same file of ${total} bytes`, range);
        if (status === 206) return;
        await part.truncate((received = 0));
        validator = [headers.etag, headers['last-modified']].find((value) => value !== undefined && !value.startsWith('W/'));
        total = headers['transfer-encoding'] === undefined ? Number(headers['content-length']) : undefined;
      };
      const take = async ({ head, bytes, last }: Part): Promise<boolean> => {
        if (head) await begin(head);
        if (bytes) await part.appendFile(bytes);
        received += bytes?.length ?? 0;
        return last;
      };
      const finish = async (): Promise<void> => {
        if (received !== (total ?? received)) refuse(`${total} bytes`, `${received}`);
        await part.close();
        await rename(`${file}.part`, file);
      };
      const cut = (): Error => new IOStreamError('ECONNRESET', { phase: 'read', message: `the server ended after ${received} bytes` });
      const attempt$ = connect({ ...target, plugin: layers, timeouts: { idle: 30_000 } }).pipe(
        switchMap((io) => {
          const rest = received > 0 && validator !== undefined ? [`Range: bytes=${received}-`, `If-Range: ${validator}`] : [];
          io.write([...lines, ...rest, '', ''].join('\r\n'));
          // Reads no further part before this one is written.
          return concat(framed(io, reply()).consume(take), throwError(cut));
        }),
        takeWhile((last) => !last, true),
        map(() => ({ received, total, cuts })),
      );
      const later = backoff({ initial: wait, max: Math.max(wait, 8000), attempts });
      const again = (error: unknown, attempt: number): ObservableInput<unknown> => {
        const isCut = error instanceof IOStreamError && !(error.cause instanceof Refused) && (received > 0 || cuts > 0);
        cuts += 1;
        return isCut ? later.delay(error, attempt) : throwError(() => error);
      };
      const whole$ = concat(attempt$.pipe(retry({ delay: again })), defer(finish).pipe(ignoreElements()));
      return whole$.pipe(finalize(() => void part.close()));
    }),
  );
}

/** Creates a new file. Removes an old one, and does not follow a link that another user may have created. */
async function create(path: string): Promise<FileHandle> {
  await rm(path, { force: true });
  return open(path, 'ax');
}

function bar({ received, total, cuts }: Progress): string {
  const done = total ? received / total : 1;
  const much = `${((total ?? received) / 2 ** 20).toFixed(1)} MiB${cuts > 0 ? `, ${cuts} cuts` : ''}`;
  return total === undefined ? much : `[${'#'.repeat(done * 30).padEnd(30, '-')}] ${Math.floor(done * 100)} % of ${much}`;
}

function main(): void {
  const { values, positionals } = parseArgs({ options: { proxy: { type: 'string' } }, allowPositionals: true });
  const [url = '', file = basename(new URL(url).pathname) || 'index.html'] = positionals;
  const { hostname, port } = new URL(values.proxy ?? url);
  const plugin = values.proxy === undefined ? {} : { proxy: httpProxy({ host: hostname, port: Number(port) }) };
  download({ url, file, plugin })
    .pipe(throttleTime(100, undefined, { leading: true, trailing: true }))
    .subscribe({
      next: (progress) => process.stdout.write(`\r${bar(progress)}`),
      error: (error: unknown) => {
        console.error(`\n${String(error)}`);
        process.exitCode = 1;
      },
      complete: () => console.log(`\n${file} is whole`),
    });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
