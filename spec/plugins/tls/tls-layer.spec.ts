import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { map } from 'rxjs';
import { assert, describe, expect } from 'vitest';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import { fromFh } from '../../../src/wire/fh/fh.ts';
import type { Plugin, Up } from '../../../src/wire/signal.ts';
import { tcp } from '../../../src/wire/tcp.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import { pair } from '../../support/loopback.ts';
import { spec } from '../../support/spec.ts';
import { mergeInbound } from '../../support/merge-inbound.ts';
import { nodeTlsServer } from '../../support/node-tls-server.ts';
import { detailsOf, otherOf, type Role, ROLES, TlsPair, VERSIONS } from '../../support/tls-pair.ts';
import { endsWithAlert } from '../../support/tls-records.ts';

const { ca, server } = certificates;

const KiB = 1024;

const LONG = Buffer.alloc(2 * 1024 * 1024, 'long');

describe.each(VERSIONS)('a TLS connection, %s', (version) => {
  spec('reports the negotiated protocol, cipher and names in the details', async (h) => {
    const { client, server } = await TlsPair.connected(h, {
      version,
      client: { ALPNProtocols: ['h2', 'x'] },
      server: { ALPNProtocols: ['x'] },
    });
    const common = { protocol: version, alpnProtocol: 'x', servername: 'localhost', reused: false };
    const { cipher, x509, ...details } = detailsOf(client);
    expect(String(cipher)).toMatch(/AES|CHACHA20/);
    expect(details).toStrictEqual({ ...common, authorized: true, layer: 'client' });
    expect((x509 as X509Certificate).checkHost('localhost')).toBe('localhost');
    expect(detailsOf(server)).toStrictEqual({ ...common, cipher, authorized: false, x509: undefined, layer: 'server' });
    expect(detailsOf(client, 1)).toStrictEqual({ wire: 'memory' });
  });

  spec('connects to a server of Node', async (h) => {
    const to = await nodeTlsServer(h, { maxVersion: version }, (socket) => socket.pipe(socket));
    const client = new WireDriver(h, tlsClient({ ca })(tcp()), { ...dialOf(), to });
    await client.waitFor('connected');
    expect(detailsOf(client).protocol).toBe(version);
    expect(detailsOf(client).servername, 'an address is no server name').toBe(undefined);
    client.write(LONG);
    client.end();
    await client.up.ended;
    h.sameBytes(client.bytes, LONG);
    expect(client.sent).toBe(LONG.length);
    expect(client.summary).toMatch(/ end( sent)? complete$/);
    assert(client.up.values.every((signal) => !('truncated' in signal)));
  });

  spec('accepts a client of Node on an accepted socket', async (h) => {
    const { near, far } = await pair(h);
    const us = new WireDriver(h, tlsServer(server)(fromFh(near)));
    const node = connect({ socket: far, ca, servername: 'localhost', maxVersion: version });
    await Promise.all([us.waitFor('connected'), once(node, 'secureConnect')]);
    expect(detailsOf(us).servername).toBe('localhost');
    const answer: Buffer[] = [];
    node.on('data', (chunk: Buffer) => answer.push(chunk)).end('question');
    await us.waitFor('end');
    expect(us.text).toBe('question');
    us.write('ans');
    us.write('wer');
    us.end();
    await Promise.all([once(node, 'end'), us.up.ended]);
    h.sameBytes(answer, 'answer');
    expect(us.up.state).toBe('complete');
  });

  spec('emits data that arrived with the last message of the handshake, complete and in order', async (h) => {
    // The peer that receives the last message: the other one may write at once.
    const us: Role = version === 'TLSv1.2' ? 'client' : 'server';
    const seen: Partial<Record<Up['kind'], number>> = {};
    const ends: TlsPair = new TlsPair(h, {
      version,
      below: { [us]: mergeInbound },
      seen: { [us]: ({ kind }: Up) => (seen[kind] ??= ends.taps[us].up.filter((signal) => signal.kind === 'data').length) },
    });
    const greeting = Buffer.alloc(40_000, 'hi');
    await ends[otherOf(us)].waitFor('connected');
    ends[otherOf(us)].write(greeting);
    await h.until(() => ends[us].received >= greeting.length);
    h.sameBytes(ends[us].bytes, greeting);
    expect(seen.data, 'both came in one chunk of ciphertext').toBe(seen.connected);
  });

  spec.each(ROLES)('pauses the wire below after the handshake, if the %s paused before it', async (h, us) => {
    const ends = new TlsPair(h, { version });
    ends[us].pause();
    await Promise.all([ends.client.waitFor('connected'), ends.server.waitFor('connected')]);
    expect(ends.taps[us].down.filter(({ kind }) => kind !== 'data')).toStrictEqual([{ kind: 'pause' }]);
    ends[otherOf(us)].write(LONG);
    await ends[otherOf(us)].waitFor('pause');
    assert(ends[us].received <= 512 * KiB);
    ends[us].resume();
    await h.until(() => ends[us].received === LONG.length);
  });

  spec.each(ROLES)('sends close_notify for an end of the %s, and leaves the wire below open', async (h, us) => {
    const ends = await TlsPair.connected(h, { version });
    const [ours, theirs, tap] = [ends[us], ends[otherOf(us)], ends.taps[us]];
    ours.write('question');
    ours.end();
    await theirs.waitFor('end');
    assert(tap.flow === 'open' && tap.down.every(({ kind }) => kind === 'data'));
    assert(endsWithAlert(tap.written, version));
    theirs.write('answer');
    await h.until(() => ours.text === 'answer');
    theirs.end();
    await Promise.all([ours.up.ended, theirs.up.ended]);
    expect([ours.up.state, theirs.up.state]).toStrictEqual(['complete', 'complete']);
  });

  spec.each(ROLES)('errors with ETLS at a forged record received by the %s, and the peer gets an alert', async (h, us) => {
    let forging = false;
    const forge: Plugin = (wire) => (dial) => (flow$) =>
      flow$.pipe(
        wire(dial),
        map((signal) => (forging && signal.kind === 'data' ? { ...signal, bytes: forged(signal.bytes) } : signal)),
      );
    const ends = await TlsPair.connected(h, { version, below: { [us]: forge } });
    const [ours, theirs] = [ends[us], ends[otherOf(us)]];
    theirs.write('genuine');
    await h.until(() => ours.text === 'genuine');
    forging = true;
    theirs.write('forged');
    await Promise.all([ours.up.ended, theirs.up.ended]);
    h.error(ours.up.error, { code: 'ETLS', phase: 'read', layer: us });
    expect(String((ours.up.error as Error).cause)).toMatch(/bad record mac|cipher operation failed/i);
    h.error(theirs.up.error, { code: 'ETLS', phase: 'read', layer: otherOf(us) });
    expect(String((theirs.up.error as Error).cause)).toMatch(/alert bad record mac/i);
    expect(ours.text).toBe('genuine');
  });
});

/** Changes the last byte. */
function forged(bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  return changed;
}
