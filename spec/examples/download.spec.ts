import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectProxy } from '../../examples/connect-proxy.ts';
import { download, type DownloadOptions, type Progress } from '../../examples/download.ts';
import { httpProxy } from '../../src/plugins/proxy/http-proxy.ts';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import * as certificates from '../support/certificates.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import type { ObserverSpy } from '../support/observer-spy.ts';
import { nodeProxy } from '../support/http-proxies.ts';
import { deadPort, pattern, served, unwatched } from '../support/loopback.ts';
import { runCommand, runOnTerminal, runProgram, type Running } from '../support/run-program.ts';

const host = '127.0.0.1';
const FILE = pattern(300_000);

/** The headers of one request to a scripted server. */
interface Asked {
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

/** Starts a server that answers each connection with the next script, and repeats the last one. */
async function scripted(h: Harness, ...answers: readonly ((socket: Socket) => unknown)[]): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const place = await served(h, (socket) =>
    socket.once('data', (bytes) => {
      const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)\r$`, 'm').exec(String(bytes))?.[1];
      asked.push({ range: field('Range'), ifRange: field('If-Range') });
      (answers[asked.length - 1] ?? answers.at(-1))?.(socket);
    }),
  );
  return { url: `http://${host}:${(place as { port: number }).port}/file.bin`, asked };
}

const head = (status: string, ...fields: readonly string[]): string => [`HTTP/1.1 ${status}`, ...fields, '', ''].join('\r\n');
const sends =
  (...pieces: readonly (string | Uint8Array)[]) =>
  (socket: Socket): void =>
    void socket.end(Buffer.concat(pieces.map((piece) => Buffer.from(piece))));
/** Sends these bytes, and ends when they are sent. */
const cutAfter =
  (...pieces: readonly (string | Uint8Array)[]) =>
  (socket: Socket): void =>
    void socket.write(Buffer.concat(pieces.map((piece) => Buffer.from(piece))), () => socket.end());

/** Starts a download to a new folder. */
function load(
  h: Harness,
  options: Omit<DownloadOptions, 'file'>,
): { seen: ObserverSpy<Progress>; saved: () => Buffer; names: () => string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'download-'));
  h.defer(() => rmSync(folder, { recursive: true }));
  const seen = h.observed(download({ wait: 1, ...options, file: join(folder, 'file.bin') }));
  return { seen, saved: () => readFileSync(join(folder, 'file.bin')), names: () => readdirSync(folder) };
}

async function whole(h: Harness, options: Omit<DownloadOptions, 'file'>, expected: Uint8Array): Promise<readonly Progress[]> {
  const { seen, saved, names } = load(h, options);
  await seen.ended;
  expect([seen.state, seen.error]).toEqual(['complete', undefined]);
  h.sameBytes(saved(), expected);
  expect(names()).toEqual(['file.bin']);
  expect(seen.values.at(-1)?.received).toBe(expected.length);
  return seen.values;
}

describe('download', () => {
  spec('downloads a body of a known length, and reports the progress', async (h) => {
    const { url, asked } = await scripted(h, sends(head('200 OK', `content-LENGTH:  ${FILE.length} `), FILE));
    const progress = await whole(h, { url }, FILE);
    expect(progress.every(({ total, cuts }) => total === FILE.length && cuts === 0)).toBe(true);
    expect(progress.map(({ received }) => received)).toEqual(progress.map(({ received }) => received).sort((a, b) => a - b));
    expect(asked).toEqual([{ range: undefined, ifRange: undefined }]);
  });

  spec('downloads a chunked body with extensions and trailers after an interim reply, and an empty file', async (h) => {
    const chunk = (bytes: Uint8Array): Buffer =>
      Buffer.concat([Buffer.from(`${bytes.length.toString(16)};x="y"\r\n`), bytes, Buffer.from('\r\n')]);
    const chunks = [
      chunk(FILE.subarray(0, 1)),
      chunk(FILE.subarray(1, 100_000)),
      chunk(FILE.subarray(100_000)),
      '0\r\nDigest: none\r\n\r\n',
    ];
    const chunked = await scripted(
      h,
      sends(head('103 Early Hints', 'Link: </a>'), head('200 OK', 'Transfer-Encoding: Chunked'), ...chunks),
    );
    expect((await whole(h, { url: chunked.url }, FILE)).at(-1)?.total).toBe(undefined);
    const empty = await scripted(h, sends(head('200 OK', 'Content-Length: 0')));
    await whole(h, { url: empty.url }, new Uint8Array(0));
  });

  spec('resumes after each lost connection with a request for the same version', async (h) => {
    const from = (start: number, end: number): ((socket: Socket) => void) =>
      cutAfter(
        start === 0
          ? head('200 OK', 'ETag: "one"', `Content-Length: ${FILE.length}`)
          : head(
              '206 Partial Content',
              'ETag: "one"',
              `Content-Length: ${FILE.length - start}`,
              `Content-Range: bytes ${start}-${FILE.length - 1}/${FILE.length}`,
            ),
        FILE.subarray(start, end),
      );
    // A piece of 16 KiB that is cut off is requested again.
    const [first, second] = [16_384 * 5, 16_384 * 9];
    const { url, asked } = await scripted(
      h,
      from(0, first + 5),
      from(first, second),
      (socket) => socket.resetAndDestroy(),
      from(second, FILE.length),
    );
    const progress = await whole(h, { url }, FILE);
    expect(progress.at(-1)).toEqual({ received: FILE.length, total: FILE.length, cuts: 3 });
    expect(asked).toEqual([
      { range: undefined, ifRange: undefined },
      ...[first, second, second].map((start) => ({ range: `bytes=${start}-`, ifRange: '"one"' })),
    ]);
  });

  spec('starts from byte 0 when the file has changed, or its version is not known', async (h) => {
    const other = FILE.subarray(0, 200_000).map((byte) => byte ^ 255);
    for (const [field, ifRange] of [
      ['Last-Modified: Mon, 23 Nov 2026 12:00:00 GMT', 'Mon, 23 Nov 2026 12:00:00 GMT'],
      ['ETag: W/"weak"', undefined],
      ['X-Nothing: x', undefined],
    ] as const) {
      const { url, asked } = await scripted(
        h,
        cutAfter(head('200 OK', field, `Content-Length: ${FILE.length}`), FILE.subarray(0, 250_000)),
        sends(head('200 OK', field, `Content-Length: ${other.length}`), other),
      );
      await whole(h, { url }, other);
      expect(asked[1]).toEqual({ range: ifRange && `bytes=${16_384 * 15}-`, ifRange });
    }
  });

  spec('downloads over TLS through a proxy', async (h) => {
    const { cert, key } = certificates.server;
    const answer = (_: IncomingMessage, response: ServerResponse): void => void response.end(FILE);
    const server = createHttps({ cert, key }, answer).listen(0, host);
    h.defer(() => server.close());
    await once(server, 'listening');
    const proxy = await h.observed(connectProxy({ local: true })).value();
    h.observed(proxy.errors$);
    const plugin = { ssl: tlsClient({ ca: certificates.ca }), proxy: httpProxy({ host, port: (proxy.address as AddressInfo).port }) };
    await whole(h, { url: `https://localhost:${(server.address() as AddressInfo).port}/`, plugin }, FILE);
    const { seen } = load(h, { url: `https://localhost:${(server.address() as AddressInfo).port}/` });
    h.error((await seen.ended).error, { code: 'ETLSCERT', layer: 'ssl' });
  });

  it('downloads over TLS through a proxy with a password, from the command line', async () => {
    const { cert, key } = certificates.server;
    const server = createHttps({ cert, key }, (_, response) => response.end(FILE)).listen(0, host);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = await nodeProxy(unwatched(onTestFinished), { credentials: 'me:se:cret' });
    const folder = mkdtempSync(join(tmpdir(), 'download-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const url = `https://localhost:${(server.address() as AddressInfo).port}/`;
    const env = { NODE_EXTRA_CA_CERTS: fileURLToPath(new URL('../support/certs/ca.pem', import.meta.url)) };
    const run = (user: string, file: string): Running => {
      const args = [url, join(folder, file), '--proxy', `http://${user}@${host}:${port}`];
      return runCommand([process.execPath, '--import', 'tsx', 'examples/download.ts', ...args], { env });
    };
    expect(await run('me:wrong', 'none').ended).toMatchObject({ code: 1, stderr: expect.stringContaining('407') as string });
    expect(await run('me:se%3Acret', 'file').ended).toMatchObject({ code: 0 });
    expect(FILE.equals(readFileSync(join(folder, 'file')))).toBe(true);
  });

  const ok = (...fields: readonly string[]): string => head('200 OK', ...fields);
  const partial = (range: string): string => head('206 Partial Content', 'Content-Length: 5', `Content-Range: ${range}`);
  const begun = cutAfter(ok('ETag: "one"', 'Content-Length: 20000'), FILE.subarray(0, 16_384));
  spec.each<[string, readonly ((socket: Socket) => void)[], string]>([
    ['is not an HTTP server', [sends('220 mail.test ESMTP\r\n')], 'expected an HTTP/1 server, got "220 mail.test ESMTP"'],
    ['speaks HTTP/2', [sends('HTTP/2 200\r\n\r\n')], 'expected an HTTP/1 server, got "HTTP/2 200"'],
    ['does not have the file', [sends(head('404 Not Found', 'Content-Length: 0'))], 'expected the file, got HTTP/1.1 404 Not Found '],
    ['redirects', [sends(head('302 Found', 'Location: http://b.test/'))], 'expected the file, got HTTP/1.1 302 Found http://b.test/'],
    ['sends no length', [sends(ok(), FILE)], 'expected a content-length or chunks, got undefined'],
    ['sends two lengths', [sends(ok('Content-Length: 5', 'Content-Length: 6'))], 'expected a content-length or chunks, got 5, 6'],
    ['sends a negative length', [sends(ok('Content-Length: -5'))], 'expected a content-length or chunks, got -5'],
    [
      'compresses the body',
      [sends(ok('Content-Length: 5', 'Content-Encoding: gzip'))],
      'expected the file as it is, got content-encoding gzip',
    ],
    [
      'uses another transfer coding',
      [sends(ok('Transfer-Encoding: gzip, chunked'))],
      'expected a content-length or chunks, got gzip, chunked',
    ],
    ['sends a line that is no header', [sends('HTTP/1.1 200 OK\r\nno header\r\n\r\n')], 'expected headers, got "no header"'],
    ['sends a chunk without a size', [sends(ok('Transfer-Encoding: chunked'), 'zz\r\n')], 'expected the size of a chunk, got "zz"'],
    [
      'sends a chunk that is longer than its size',
      [sends(ok('Transfer-Encoding: chunked'), '2\r\nabcd\r\n')],
      'expected a chunk of its size, got a longer one',
    ],
    ['sends a part without a request for one', [sends(partial('bytes 5-9/10'))], 'expected the file from byte 0 on, got bytes 5-9/10'],
    ['sends another part', [begun, sends(partial('bytes 0-4/20000'))], 'expected the file from byte 16384 on, got bytes 0-4/20000'],
    [
      'sends a part without its range',
      [begun, sends(head('206 Partial Content', 'Content-Length: 5'))],
      'expected the file from byte 16384 on, got no range',
    ],
    [
      'has a file of another length',
      [begun, sends(partial('bytes 16384-16388/9'))],
      'expected the same file of 20000 bytes, got bytes 16384-16388/9',
    ],
    ['sends less than the rest', [begun, sends(partial('bytes 16384-16388/20000'), 'abcde')], 'expected 20000 bytes, got 16389'],
    [
      'cannot satisfy the range',
      [begun, sends(head('416 Range Not Satisfiable'))],
      'expected the file, got HTTP/1.1 416 Range Not Satisfiable ',
    ],
  ])('errors with the reason for a server that %s', async (h, _, answers, message) => {
    const { url, asked } = await scripted(h, ...answers);
    const { seen, names } = load(h, { url });
    expect(((await seen.ended).error as Error).message.replace(' [EPROTOCOL]', '')).toBe(message);
    expect(asked.length).toBe(answers.length);
    expect(names()).toEqual(['file.bin.part']);
  });

  spec('errors when the server refuses the connection, and when too many connections were lost', async (h) => {
    const refused = load(h, { url: `http://${host}:${await deadPort()}/` });
    h.error((await refused.seen.ended).error, { code: 'ECONNREFUSED' });
    const { url, asked } = await scripted(h, begun);
    const { seen } = load(h, { url, attempts: 3 });
    h.error((await seen.ended).error, { code: 'ECONNRESET' });
    expect(asked.length).toBe(3);
    expect(() => download({ url: 'ftp://a.test/', file: 'x' })).toThrow(TypeError);
  });

  spec('replaces a symbolic link at the path of the part, and does not write through it', async (h) => {
    const { url } = await scripted(h, sends(head('200 OK', `Content-Length: ${FILE.length}`), FILE));
    const folder = mkdtempSync(join(tmpdir(), 'download-'));
    h.defer(() => rmSync(folder, { recursive: true }));
    const [file, precious] = [join(folder, 'file.bin'), join(folder, 'precious')];
    writeFileSync(precious, 'precious');
    symlinkSync(precious, `${file}.part`);
    await h.observed(download({ url, file })).ended;
    h.sameBytes(readFileSync(file), FILE);
    h.sameBytes(readFileSync(precious), 'precious');
  });

  spec('closes the connection when it is unsubscribed', async (h) => {
    let ended = false;
    const { url } = await scripted(h, (socket) => {
      socket
        .on('end', () => {
          ended = true;
        })
        .write(Buffer.concat([Buffer.from(ok(`Content-Length: ${FILE.length}`)), FILE.subarray(0, 100_000)]));
    });
    const { seen } = load(h, { url });
    await seen.value(({ received }) => received >= 90_000);
    seen.unsubscribe();
    await h.until(() => ended);
  });

  spec('runs as a program that prints no progress bar to a pipe', async (h) => {
    const { url } = await scripted(h, sends(head('200 OK', `Content-Length: ${FILE.length}`), FILE));
    const folder = mkdtempSync(join(tmpdir(), 'download-'));
    h.defer(() => rmSync(folder, { recursive: true }));
    const { code, stdout, stderr } = await runProgram('examples/download.ts', url, join(folder, 'a file')).ended;
    expect([code, stdout, stderr]).toEqual([0, `${join(folder, 'a file')} is complete\n`, '']);
    h.sameBytes(readFileSync(join(folder, 'a file')), FILE);
  });

  // Needs `script` to make a terminal.
  spec.skipIf(spawnSync('script', ['--version']).error)('ends the progress bar of a terminal before its last line', async (h) => {
    const { url } = await scripted(h, sends(head('200 OK', `Content-Length: ${FILE.length}`), FILE));
    const folder = mkdtempSync(join(tmpdir(), 'download-'));
    h.defer(() => rmSync(folder, { recursive: true }));
    const { code, stdout } = await runOnTerminal('examples/download.ts', url, join(folder, 'a')).ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/ 100% \| 293\.0 KiB of 293\.0 KiB\r?\n[^]*.*a is complete/);
  });
});
