import { describe, expect } from 'vitest';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import { stack } from '../../../src/wire/stack.ts';
import { tcp } from '../../../src/wire/tcp.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import { InboundGate } from '../../support/inbound-gate.ts';
import { nodeTlsServer } from '../../support/node-tls-server.ts';
import { detailsOf, otherOf, ROLES, TlsPair, VERSIONS } from '../../support/tls-pair.ts';

const { ca } = certificates;

describe.each(VERSIONS)('the end of a TLS connection, %s', (version) => {
  const CUTS = ROLES.flatMap((us) => [1, 7, 100, Infinity].map((cut) => [us, cut] as const));

  spec.each(CUTS)('is clean at the %s after close_notify, %s bytes at a time', async (h, us, cut) => {
    const gate = new InboundGate();
    const ends = await TlsPair.connected(h, { version, below: { [us]: gate.plugin } });
    const last = Buffer.alloc(20_000, 'last');
    await gate.settled();
    gate.close();
    ends[otherOf(us)].write(last);
    ends[otherOf(us)].end();
    await gate.settled();
    gate.open(cut);
    // No tick has passed since the end of the wire.
    expect(ends[us].up.values.find(({ kind }) => kind === 'end')).toStrictEqual({ kind: 'end' });
    h.sameBytes(ends[us].bytes, last);
    expect(detailsOf(ends[us]).truncated).toBe(undefined);
  });

  spec.each(CUTS)('is truncated at the %s after a bare FIN, %s bytes at a time', async (h, us, cut) => {
    const gate = new InboundGate();
    const ends = await TlsPair.connected(h, { version, below: { [us]: gate.plugin } });
    const last = Buffer.alloc(20_000, 'last');
    await gate.settled();
    gate.close();
    ends[otherOf(us)].write(last);
    await gate.settled();
    gate.open(cut);
    // No tick has passed since the end of the wire.
    expect(ends[us].up.values.find(({ kind }) => kind === 'end')).toStrictEqual({ kind: 'end', truncated: true });
    h.sameBytes(ends[us].bytes, last);
    expect(detailsOf(ends[us]).truncated).toBe(true);
  });

  spec('is truncated after a bare FIN on a real socket, and the other direction continues', async (h) => {
    let received = '';
    const to = await nodeTlsServer(h, { maxVersion: version }, (socket, below) => {
      socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
      socket.write('cut', () => below.end());
    });
    const client = new WireDriver(h, stack({ ssl: tlsClient({ ca }) }, tcp()), { ...dialOf(), to });
    await client.waitFor('end');
    expect(client.up.values.at(-1)).toStrictEqual({ kind: 'end', truncated: true });
    expect(client.text).toBe('cut');
    client.write('still here');
    await h.until(() => received === 'still here');
    client.end();
    expect((await client.up.ended).state).toBe('complete');
  });

  spec.each(CUTS)("is ETLSTRUNCATED at the %s after all data, with truncation: 'error', %s bytes at a time", async (h, us, cut) => {
    const gate = new InboundGate();
    const ends = await TlsPair.connected(h, { version, [us]: { truncation: 'error' }, below: { [us]: gate.plugin } });
    await gate.settled();
    gate.close();
    ends[otherOf(us)].write('all of it');
    await gate.settled();
    gate.open(cut);
    await ends[us].up.ended;
    h.error(ends[us].up.error, { code: 'ETLSTRUNCATED', phase: 'read', layer: us, fatal: true });
    expect((ends[us].up.error as Error).message).toMatch(/connection closed without close_notify/);
    expect(ends[us].text).toBe('all of it');
    expect(ends[us].summary).toBe('connected data error');
    expect(detailsOf(ends[us]).truncated).toBe(true);
  });

  spec.each(ROLES)("is no error at the %s after close_notify, with truncation: 'error'", async (h, us) => {
    const ends = await TlsPair.connected(h, { version, [us]: { truncation: 'error' } });
    ends[otherOf(us)].write('all');
    ends[otherOf(us)].close();
    await ends[us].waitFor('end');
    ends[us].close();
    await Promise.all(ROLES.map((role) => ends[role].up.ended));
    expect([ends[us].up.state, ends[us].text]).toStrictEqual(['complete', 'all']);
  });
});
