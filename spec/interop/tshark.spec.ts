import { concatMap, delay, EMPTY, firstValueFrom, last, lastValueFrom, of, reduce, take, type Observable } from 'rxjs';
import { connect, open, pcapng, tlsClient, tlsServer, type IOStream, type Plugins } from 'rxjs-io-stream';
import { record, toPcapng, type Recording } from 'rxjs-io-stream/testing';
import { expect } from 'vitest';
import * as certificates from '../support/certificates.ts';
import { serving } from '../support/clients.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { PAYLOAD } from './exchange.ts';
import { describePeer } from './peers.ts';
import { CaptureUnderTest, Dissection } from './peers/tshark.ts';

const REQUEST = 'GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n';
const BODY = 'x'.repeat(150_000);
const RESPONSE = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`;
/** An exchange with a small HTTP server. Resolves when both ends are closed. */
async function exchange(h: Harness, plugins: { client: Plugins; server: Plugins }, host = '127.0.0.1'): Promise<void> {
  const closed: Promise<unknown>[] = [];
  const answer = (io: IOStream): Observable<number> => {
    closed.push(firstValueFrom(io.closed$));
    return io.data$.pipe(
      take(1),
      concatMap(() => io.send([RESPONSE])),
    );
  };
  const { at } = await serving(h, answer, { host, plugin: plugins.server });
  const received$ = connect({ ...at, host, plugin: plugins.client }, (io) => {
    io.write(REQUEST);
    return io.data$;
  }).pipe(reduce((bytes, { length }) => bytes + length, 0));
  expect(await lastValueFrom(received$)).toBe(RESPONSE.length);
  await Promise.all(closed);
}

const ROLES = ['client', 'server'] as const;
const CASES = (['TLSv1.3', 'TLSv1.2'] as const).flatMap((version) => ROLES.map((role) => [version, role] as const));
const TRUST = { ca: certificates.ca, servername: 'localhost' };

const httpOf = (seen: Dissection): string[] => [...seen.values('http.request.uri'), ...seen.values('http.response.code')];
const sum = (values: readonly string[]): number => values.reduce((total, value) => total + Number(value), 0);

describePeer('tshark', 'tshark', () => {
  spec.each(CASES)('shows the HTTP in %s at a %s, because the file has the secrets', async (h, maxVersion, role) => {
    const file = new CaptureUnderTest(h);
    const wire = pcapng({ sink: file.sink, secrets: true });
    const keylog = (end: string): object => (end === role ? { keylog: wire.keylog } : {});
    const place = (end: string): object => (end === role ? { wire } : {});
    await exchange(h, {
      client: { ssl: tlsClient({ ...TRUST, maxVersion, ...keylog('client') }), ...place('client') },
      server: { ssl: tlsServer({ ...certificates.server, ...keylog('server') }), ...place('server') },
    });
    const seen = await file.dissect('tls');
    expect([httpOf(seen), seen.faults, seen.isChecked, seen.completeness]).toStrictEqual([['/who', '200'], [], true, [31]]);
  });

  spec('shows no HTTP without `secrets`', async (h) => {
    const file = new CaptureUnderTest(h);
    const wire = pcapng({ sink: file.sink });
    await exchange(h, {
      client: { ssl: tlsClient({ ...TRUST, keylog: wire.keylog }), wire },
      server: { ssl: tlsServer(certificates.server) },
    });
    const seen = await file.dissect('tls');
    expect([httpOf(seen), seen.faults]).toStrictEqual([[], []]);
    expect(seen.values('tls.app_data').length).toBeGreaterThan(0);
  });

  spec.each([
    ['127.0.0.1', 'ip.src'],
    ['::1', 'ipv6.src'],
  ] as const)('shows the plaintext of a capture above TLS over %s, with the real addresses', async (h, host, field) => {
    const file = new CaptureUnderTest(h);
    const plain = pcapng({ sink: file.sink });
    await exchange(h, { client: { plain, ssl: tlsClient(TRUST) }, server: { ssl: tlsServer(certificates.server) } }, host);
    const seen = await file.dissect('http');
    expect([httpOf(seen), seen.faults, seen.isChecked, seen.completeness]).toStrictEqual([['/who', '200'], [], true, [31]]);
    expect(new Set(seen.values(field))).toStrictEqual(new Set([host]));
  });

  spec('finds no fault with 1 MiB each way, chunks above 64 KiB and pauses of both ends', async (h) => {
    const file = new CaptureUnderTest(h);
    const log = pcapng({ sink: file.sink });
    const { at } = await serving(h, (io) => io.send(io));
    const size$ = connect({ ...at, plugin: { log } }, (io) => {
      io.end(PAYLOAD);
      return io.consume((bytes) => of(bytes.length).pipe(delay(1)));
    }).pipe(reduce((total, length) => total + length, 0));
    expect(await lastValueFrom(size$)).toBe(PAYLOAD.length);
    const seen = await file.dissect();
    expect([seen.faults, seen.isChecked, seen.completeness]).toStrictEqual([[], true, [31]]);
    const [theirs, ours] = [true, false].map((isTheirs) =>
      seen.rows.filter((row) => (row['tcp.srcport'] === String(at.port)) === isTheirs),
    );
    expect([ours, theirs].map((rows = []) => new Dissection(rows)).map((each) => sum(each.values('tcp.len')))).toStrictEqual([
      PAYLOAD.length,
      PAYLOAD.length,
    ]);
    expect(seen.values('tcp.analysis.zero_window').length).toBeGreaterThan(0);
  });

  spec('sees many connections in one file, and how each has ended', async (h) => {
    const file = new CaptureUnderTest(h);
    const log = pcapng({ sink: file.sink });
    const { at } = await serving(h, (io) =>
      io.data$.pipe(concatMap((bytes) => (bytes.length === 1 ? io.send([bytes]) : (io.reset(), EMPTY)))),
    );
    const streams = await Promise.all(Array.from({ length: 12 }, () => open({ ...at, plugin: { log } })));
    for (const [index, io] of streams.entries()) {
      io.write(index % 3 === 0 ? 'ab' : 'a');
      if (index % 3 === 1) io.end();
      if (index % 3 === 2) io.data$.subscribe(() => io.reset());
    }
    await Promise.all(streams.map((io) => lastValueFrom(io.closed$)));
    const seen = await file.dissect();
    expect([seen.faults, seen.isChecked]).toStrictEqual([[], true]);
    expect(seen.completeness.sort()).toStrictEqual([31, 31, 31, 31, 47, 47, 47, 47, 47, 47, 47, 47]);
    const comments = seen.rows.flatMap((row) => (row['tcp.flags.reset'] === '1' ? [row['frame.comment']] : []));
    expect(comments.filter((comment) => comment?.startsWith('ECONNRESET: '))).toHaveLength(4);
  });

  spec('finds no fault with packets that are cut to a few bytes', async (h) => {
    const file = new CaptureUnderTest(h);
    const log = pcapng({ sink: file.sink, bytes: 10 });
    const { at } = await serving(h, (io) => io.send(io));
    await lastValueFrom(connect({ ...at, plugin: { log } }, (io) => (io.end(PAYLOAD), io.data$.pipe(last()))));
    const seen = await file.dissect();
    expect([seen.faults, Math.max(...seen.values('frame.cap_len').map(Number))]).toStrictEqual([[], 50]);
    expect(sum(seen.values('tcp.len'))).toBe(2 * PAYLOAD.length);
  });

  spec('reads a recording with its secrets', async (h) => {
    const file = new CaptureUnderTest(h);
    const recordings: Recording[] = [];
    const lines: string[] = [];
    const keylog = (line: Uint8Array): void => void lines.push(Buffer.from(line).toString());
    const plugin = {
      ssl: tlsClient({ ...TRUST, keylog }),
      log: record({ sink: (recording) => recordings.push(recording) }),
    };
    await exchange(h, { client: plugin, server: { ssl: tlsServer(certificates.server) } });
    await h.until(() => recordings.length === 1);
    file.sink(toPcapng(String(recordings[0]), { keylog: lines.join('') }));
    const seen = await file.dissect('tls');
    expect([httpOf(seen), seen.faults, seen.isChecked, seen.completeness]).toStrictEqual([['/who', '200'], [], true, [31]]);
  });
});
