import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { describe, expect } from 'vitest';
import { IOStreamError } from '../../../src/errors.ts';
import { fromFh, type Fh } from '../../../src/wire/fh/fh.ts';
import type { ConnectedSignal } from '../../../src/wire/signal.ts';
import { WireDriver, dialOf } from '../../support/wire-driver.ts';
import { addressOf, fresh, listening, pair, textOf } from '../../support/fh-peers.ts';
import type { Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';

const carry = (h: Harness, fh: Fh): WireDriver => new WireDriver(h, fromFh(fh));

describe('fromFh: sockets', () => {
  for (const kind of ['TCP', 'UNIX'] as const) {
    for (const side of ['accepted', 'connected'] as const) {
      spec(`carries ${side} ${kind} sockets both ways, with half-close`, async (h) => {
        const { fh, peer } = await pair(h, side, kind === 'UNIX' ? fresh() : undefined);
        const io = carry(h, fh);
        expect(io.summary).toBe('connected');
        const [connected] = io.up.values;
        expect(connected).toStrictEqual({ kind: 'connected', details: [{ wire: 'fh' }] });
        expect((connected as ConnectedSignal).details[0]?.handle).toBe(fh);
        io.write('question');
        io.end();
        expect(await textOf(peer)).toBe('question');
        peer.end('a late answer');
        await io.up.ended;
        expect([io.summary, io.text, io.sent]).toStrictEqual(['connected sent data end complete', 'a late answer', 8]);
      });
    }
  }

  spec('can write after the end of the peer', async (h) => {
    const { fh, peer } = await pair(h, 'accepted');
    fh.allowHalfOpen = false;
    const io = carry(h, fh);
    peer.end('bye');
    await io.waitFor('end');
    io.write('still here');
    io.end();
    expect(await textOf(peer)).toBe('still here');
    await io.up.ended;
    expect([io.summary, io.text, io.sent]).toStrictEqual(['connected data end sent complete', 'bye', 10]);
  });

  spec('waits for a socket that still connects', async (h) => {
    const server = createServer(h.peer((socket: Socket) => void socket.end('hello')));
    await listening(h, server);
    const io = carry(h, connect(addressOf(server)));
    expect(io.summary).toBe('');
    await io.waitFor('end');
    io.end();
    await io.up.ended;
    expect([io.summary, io.text]).toStrictEqual(['connected data end complete', 'hello']);
  });

  spec('errors with the error of a socket that cannot connect', async (h) => {
    const io = carry(h, connect(fresh()));
    await io.up.ended;
    h.error(io.up.error, { code: 'ENOENT', phase: 'connect', fatal: true });
    expect(io.summary).toBe('error');
  });

  spec('gives up on a socket that never connects after timeouts.connect', async (h) => {
    const fh = new Socket();
    const io = new WireDriver(h, fromFh(fh), dialOf({ connect: 20 }));
    await io.up.ended;
    h.error(io.up.error, { code: 'ETOCONNECT', phase: 'connect' });
    expect(fh.destroyed).toBe(true);
  });

  spec('destroys a socket that still connects when it is unsubscribed or closed', async (h) => {
    const server = createServer(h.peer((socket: Socket) => void socket.on('error', () => {}).resume()));
    await listening(h, server);
    const [first, second] = [connect(addressOf(server)), connect(addressOf(server))];
    carry(h, first).up.unsubscribe();
    const io = carry(h, second);
    io.close();
    expect([first.destroyed, second.destroyed, io.summary]).toStrictEqual([true, true, 'complete']);
  });

  spec('emits bytes that are buffered already, in order', async (h) => {
    const { fh, peer } = await pair(h, 'accepted');
    peer.write('one two ');
    await once(fh, 'readable');
    const one = fh.read(4) as Buffer;
    fh.unshift(one);
    await h.until(() => fh.listenerCount('readable') === 0);
    const io = carry(h, fh);
    peer.end('three');
    await io.waitFor('end');
    expect(io.text).toBe('one two three');
    io.close();
    await io.up.ended;
  });

  spec('flushes queued bytes and waits for the end of the peer when the flow completes', async (h) => {
    const { fh, peer } = await pair(h, 'accepted');
    const bytes = randomBytes(5_000_000);
    const io = carry(h, fh);
    peer.write('never read');
    io.write(bytes);
    io.close();
    h.sameBytes(await peer.toArray().then((chunks) => chunks as Buffer[]), bytes);
    expect(io.summary.endsWith('complete')).toBe(false);
    peer.end();
    await io.up.ended;
    expect([io.up.state, io.sent]).toStrictEqual(['complete', bytes.length]);
  });

  spec('resets a TCP socket when the flow errors', async (h) => {
    const { fh, peer } = await pair(h, 'accepted');
    const io = carry(h, fh);
    const ended = once(peer.resume(), 'end');
    io.reset(new IOStreamError('ECONNRESET', { phase: 'close' }));
    await expect(ended).rejects.toThrow(expect.objectContaining({ code: 'ECONNRESET' }));
    h.error(io.up.error, { code: 'ECONNRESET', phase: 'close' });
  });

  spec('errors with an error between the call and the subscription', async (h) => {
    const { fh } = await pair(h, 'accepted');
    const wire = fromFh(fh);
    fh.destroy(Object.assign(new Error('mine'), { code: 'EMINE' }));
    const io = new WireDriver(h, wire);
    h.error(io.up.error, { code: 'EMINE', phase: 'connect' });
  });

  spec('errors when it was closed between the call and the subscription', async (h) => {
    const { fh } = await pair(h, 'accepted');
    const wire = fromFh(fh);
    fh.destroy();
    h.error(new WireDriver(h, wire).up.error, { code: 'EBADF', phase: 'connect' });
  });
});

describe('fromFh: TLS sockets', () => {
  const psk = { key: Buffer.from('0123456789abcdef'), hint: 'x' };
  const options = { ciphers: 'PSK', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;

  async function dialTls(h: Harness, key: Buffer): Promise<{ client: TLSSocket; accepted: Promise<TLSSocket> }> {
    const server = createTlsServer({ ...options, pskCallback: () => psk.key, pskIdentityHint: psk.hint });
    server.on('tlsClientError', () => {});
    await listening(h, server);
    const accepted = once(server, 'secureConnection').then(([socket]) => socket as TLSSocket);
    const client = connectTls({
      ...options,
      ...(addressOf(server) as { host: string; port: number }),
      pskCallback: () => ({ psk: key, identity: 'me' }),
      checkServerIdentity: () => undefined,
    });
    return { client, accepted };
  }

  spec('carries both ends, the client once it is secure', async (h) => {
    const { client, accepted } = await dialTls(h, psk.key);
    const ours = carry(h, client);
    const theirs = carry(h, await accepted);
    expect(theirs.summary).toBe('connected');
    await ours.waitFor('connected');
    expect(client.getCipher().name.includes('PSK')).toBe(true);
    theirs.write('hello');
    ours.write('question');
    await Promise.all([ours.waitFor('data'), theirs.waitFor('data')]);
    ours.end();
    await theirs.waitFor('end');
    theirs.end();
    await Promise.all([ours.up.ended, theirs.up.ended]);
    expect([ours.text, ours.sent, theirs.text, theirs.sent]).toStrictEqual(['hello', 8, 'question', 5]);
  });

  spec('errors with the error of a failed handshake', async (h) => {
    const { client, accepted } = await dialTls(h, Buffer.from('another key'));
    accepted.catch(() => {});
    const io = carry(h, client);
    await io.up.ended;
    h.error(io.up.error, { phase: 'handshake', fatal: true });
    expect(io.summary).toBe('error');
  });
});
