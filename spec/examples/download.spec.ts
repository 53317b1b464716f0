import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectProxy } from '../../examples/connect-proxy.ts';
import { download, type DownloadOptions, type Progress } from '../../examples/download.ts';
import { httpProxy } from '../../src/plugins/proxy/http-proxy.ts';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import * as certificates from '../support/certificates.ts';
import { invariants, type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import type { ObserverSpy } from '../support/observed.ts';
import { deadPort, pattern, served } from '../support/loopback.ts';
import { runOnTerminal, runProgram } from '../support/run-program.ts';

const host = '127.0.0.1';
const FILE = pattern(300_000);

/** What a scripted server was asked. */
interface Asked {
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

/** Answers each connection's request by what it is told, in turn; the last one again and again. */
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
/** Says this much, and is cut when it has gone out. */
const cutAfter =
  (...pieces: readonly (string | Uint8Array)[]) =>
  (socket: Socket): void =>
    void socket.write(Buffer.concat(pieces.map((piece) => Buffer.from(piece))), () => socket.end());

/** Downloads to a folder of its own. */
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
  spec('takes a body of a known length, and says how far it is', async (h) => {
    const { url, asked } = await scripted(h, sends(head('200 OK', `content-LENGTH:  ${FILE.length} `), FILE));
    const progress = await whole(h, { url }, FILE);
    expect(progress.every(({ total, cuts }) => total === FILE.length && cuts === 0)).toBe(true);
    expect(progress.map(({ received }) => received)).toEqual(progress.map(({ received }) => received).sort((a, b) => a - b));
    expect(asked).toEqual([{ range: undefined, ifRange: undefined }]);
  });

  spec('takes chunks, after an interim reply, with extensions and trailers; and an empty file', async (h) => {
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

  spec('goes on where it was after each cut, and asks for the same file', async (h) => {
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
    // What is cut off in the midst of a piece of 16 KiB is asked for again.
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

  spec('begins anew when the file has changed meanwhile, or nothing proves that it has not', async (h) => {
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

  spec('goes through TLS and a proxy', async (h) => {
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

  const ok = (...fields: readonly string[]): string => head('200 OK', ...fields);
  const partial = (range: string): string => head('206 Partial Content', 'Content-Length: 5', `Content-Range: ${range}`);
  const begun = cutAfter(ok('ETag: "one"', 'Content-Length: 20000'), FILE.subarray(0, 16_384));
  spec.each<[string, readonly ((socket: Socket) => void)[], string]>([
    ['is no HTTP server', [sends('220 mail.test ESMTP\r\n')], 'expected an HTTP/1 server, got "220 mail.test ESMTP"'],
    ['speaks HTTP/2', [sends('HTTP/2 200\r\n\r\n')], 'expected an HTTP/1 server, got "HTTP/2 200"'],
    ['has no such file', [sends(head('404 Not Found', 'Content-Length: 0'))], 'expected the file, got HTTP/1.1 404 Not Found '],
    ['sends elsewhere', [sends(head('302 Found', 'Location: http://b.test/'))], 'expected the file, got HTTP/1.1 302 Found http://b.test/'],
    ['does not say how long it is', [sends(ok(), FILE)], 'expected a content-length or chunks, got undefined'],
    ['says two lengths', [sends(ok('Content-Length: 5', 'Content-Length: 6'))], 'expected a content-length or chunks, got 5, 6'],
    ['says a wrong length', [sends(ok('Content-Length: -5'))], 'expected a content-length or chunks, got -5'],
    ['codes it', [sends(ok('Content-Length: 5', 'Content-Encoding: gzip'))], 'expected the file as it is, got content-encoding gzip'],
    ['sends in another way', [sends(ok('Transfer-Encoding: gzip, chunked'))], 'expected a content-length or chunks, got gzip, chunked'],
    ['sends no headers', [sends('HTTP/1.1 200 OK\r\nno header\r\n\r\n')], 'expected headers, got "no header"'],
    ['sends a chunk without a size', [sends(ok('Transfer-Encoding: chunked'), 'zz\r\n')], 'expected the size of a chunk, got "zz"'],
    [
      'sends a chunk that is longer',
      [sends(ok('Transfer-Encoding: chunked'), '2\r\nabcd\r\n')],
      'expected a chunk of its size, got a longer one',
    ],
    ['gives a part unasked', [sends(partial('bytes 5-9/10'))], 'expected the file from byte 0 on, got bytes 5-9/10'],
    ['gives another part', [begun, sends(partial('bytes 0-4/20000'))], 'expected the file from byte 16384 on, got bytes 0-4/20000'],
    [
      'gives no part',
      [begun, sends(head('206 Partial Content', 'Content-Length: 5'))],
      'expected the file from byte 16384 on, got no range',
    ],
    [
      'has a file of another length',
      [begun, sends(partial('bytes 16384-16388/9'))],
      'expected the same file of 20000 bytes, got bytes 16384-16388/9',
    ],
    ['gives less than the rest', [begun, sends(partial('bytes 16384-16388/20000'), 'abcde')], 'expected 20000 bytes, got 16389'],
    ['has nothing there', [begun, sends(head('416 Range Not Satisfiable'))], 'expected the file, got HTTP/1.1 416 Range Not Satisfiable '],
  ])('says what is wrong with a server that %s', async (h, _, answers, message) => {
    const { url, asked } = await scripted(h, ...answers);
    const { seen, names } = load(h, { url });
    expect(((await seen.ended).error as Error).message).toBe(message);
    expect(asked.length).toBe(answers.length);
    expect(names()).toEqual(['file.bin.part']);
  });

  spec('gives up when nobody is there, and when it was cut too often', async (h) => {
    const nobody = load(h, { url: `http://${host}:${await deadPort()}/` });
    h.error((await nobody.seen.ended).error, { code: 'ECONNREFUSED' });
    const { url, asked } = await scripted(h, begun);
    const { seen } = load(h, { url, attempts: 3 });
    h.error((await seen.ended).error, { code: 'ECONNRESET' });
    expect(asked.length).toBe(3);
    expect(() => download({ url: 'ftp://a.test/', file: 'x' })).toThrow(TypeError);
  });

  spec('writes through no link that stands where its part goes', async (h) => {
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

  spec('stops when it is unsubscribed', async (h) => {
    let gone = false;
    const { url } = await scripted(h, (socket) => {
      socket
        .on('end', () => (gone = true))
        .write(Buffer.concat([Buffer.from(ok(`Content-Length: ${FILE.length}`)), FILE.subarray(0, 100_000)]));
    });
    const { seen } = load(h, { url });
    await seen.value(({ received }) => received >= 90_000);
    seen.unsubscribe();
    await h.until(() => gone);
  });

  it('runs as a program that prints no progress bar to a pipe', { timeout: 20_000 }, () =>
    invariants(async (h) => {
      const { url } = await scripted(h, sends(head('200 OK', `Content-Length: ${FILE.length}`), FILE));
      const folder = mkdtempSync(join(tmpdir(), 'download-'));
      h.defer(() => rmSync(folder, { recursive: true }));
      const { code, stdout, stderr } = await runProgram('examples/download.ts', url, join(folder, 'a file')).ended;
      expect([code, stdout, stderr]).toEqual([0, `${join(folder, 'a file')} is complete\n`, '']);
      h.sameBytes(readFileSync(join(folder, 'a file')), FILE);
    })(),
  );

  it('ends the progress bar of a terminal before its last line', { timeout: 20_000 }, ({ skip }) =>
    invariants(async (h) => {
      if (spawnSync('script', ['--version']).error) skip('needs `script` to make a terminal');
      const { url } = await scripted(h, sends(head('200 OK', `Content-Length: ${FILE.length}`), FILE));
      const folder = mkdtempSync(join(tmpdir(), 'download-'));
      h.defer(() => rmSync(folder, { recursive: true }));
      const { code, stdout } = await runOnTerminal('examples/download.ts', url, join(folder, 'a')).ended;
      expect(code).toBe(0);
      expect(stdout).toMatch(/ 100% \| 293\.0 KiB of 293\.0 KiB [^]*\n.*a is complete/);
    })(),
  );
});
