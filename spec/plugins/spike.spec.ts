import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { handshake } from '../../src/layers/handshake.ts';
import { mapBytes } from '../../src/layers/map-bytes.ts';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../src/plugins/tls/tls-server.ts';
import type { Plugin } from '../../src/wire/signal.ts';
import { stack } from '../../src/wire/stack.ts';
import * as certificates from '../support/certificates.ts';
import { spec } from '../support/spec.ts';
import { CONNECTIONS, connectedPair } from '../support/connected-pair.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
/** More than is taken from a sender whose peer does not read: by a pair, by two kernels. */
const MORE_THAN_FITS = { 'memory pair': 2 * MiB, socket: 8 * MiB };
/** So many turns of the event loop show that a sender stands still. */
const TURNS = 100;
const CHUNK = 64 * KiB;

/** Asks as a proxy is asked, before any byte of the application. */
const proxy = handshake({
  *talk(link) {
    link.send('CONNECT\n');
    return { answer: Buffer.from(yield* link.readUntil('\n', 64)).toString() };
  },
});
/** Answers in the same breath as the first bytes of the application that follow. */
const proxyServer = handshake({
  *talk(link) {
    yield* link.readUntil('\n', 64);
    link.send('OK\n');
  },
});

/** A stream cipher: its key stream goes on from chunk to chunk, each direction with its own. */
const keyStream = (): ((bytes: Uint8Array) => Uint8Array) => {
  let at = 0;
  return (bytes) => bytes.map((byte) => byte ^ ((at++ * 167) & 0xff));
};
const cipher: Plugin = (wire) => (dial) => (flow$) =>
  flow$.pipe(
    mapBytes(() => keyStream()),
    wire(dial),
    mapBytes(() => keyStream()),
  );

const ssl = tlsClient({ ca: certificates.ca });
const sslServer = tlsServer(certificates.server);

const stacks: Record<string, readonly [near: Plugin, far: Plugin]> = {
  'a handshake': [proxy, proxyServer],
  'a cipher': [cipher, cipher],
  TLS: [ssl, sslServer],
  'TLS over a handshake over a cipher': [
    (wire) => stack({ ssl, proxy, cipher }, wire),
    (wire) => stack({ ssl: sslServer, proxy: proxyServer, cipher }, wire),
  ],
};

const block = (at: number, size = CHUNK): Buffer => Buffer.alloc(size, at);
const blocks = (bytes: number): Buffer[] => Array.from({ length: bytes / CHUNK }, (_, at) => block(at));

describe('the spike: a handshake, a cipher and TLS on the same types', () => {
  describe.each(Object.keys(stacks))('%s', (name) => {
    const [plugin, counterpart] = stacks[name] as readonly [Plugin, Plugin];
    describe.each(CONNECTIONS)('on a %s', (carrier) => {
      const tooMuch = MORE_THAN_FITS[carrier];

      spec('close: what was written reaches the peer, then the end, and both are over', async (h) => {
        const { near, far } = await connectedPair(h, carrier, plugin, counterpart);
        const last = block(1, 300 * KiB);
        near.write('the last ');
        near.write(last);
        near.close();
        await far.waitFor('end');
        h.sameBytes(far.bytes, ['the last ', last]);
        far.close();
        await Promise.all([near.up.ended, far.up.ended]);
        expect([near.summary.split(' ').at(-1), far.summary]).toStrictEqual(['complete', 'connected data end complete']);
        expect(far.up.values.every((signal) => !('truncated' in signal))).toBe(true);
      });

      spec('reset: both ends error, ours with our reason, the other after what it had read', async (h) => {
        const { near, far } = await connectedPair(h, carrier, plugin, counterpart);
        near.write('before');
        await far.up.value(() => far.text === 'before');
        const reason = new Error('enough');
        near.reset(reason);
        await Promise.all([near.up.ended, far.up.ended]);
        expect(near.up.error).toBe(reason);
        h.error(far.up.error, { code: 'ECONNRESET' });
        expect(far.summary).toBe('connected data error');
      });

      spec('half-close: the other direction goes on, and both complete when it has ended too', async (h) => {
        const { near, far } = await connectedPair(h, carrier, plugin, counterpart);
        near.write('question');
        near.end();
        await far.waitFor('end');
        const lines = Array.from({ length: 257 }, (_, line) => `line ${line}\n`);
        for (const line of lines) far.write(line);
        await h.until(() => near.received === lines.join('').length);
        far.write('a late answer');
        far.end();
        await Promise.all([near.up.ended, far.up.ended]);
        h.sameBytes(near.bytes, [...lines, 'a late answer']);
        expect(far.text).toBe('question');
        expect(near.summary).toMatch(/ data end( sent)? complete$/);
        expect(far.summary).toMatch(/ complete$/);
      });

      spec('pause: the peer is paused in turn and nothing is lost; resume: it goes on', async (h) => {
        const { near, far } = await connectedPair(h, carrier, plugin, counterpart);
        near.pause();
        let given = 0;
        // A kernel takes its fill first, turn by turn: paused is who stays so.
        for (let calm = 0; calm < TURNS; calm += 1) {
          for (; !far.isPaused && given < tooMuch; given += CHUNK) far.write(block(given / CHUNK));
          await turn();
        }
        expect(given < tooMuch, `the peer was never paused in ${given} bytes`).toBe(true);
        expect(near.received <= 256 * KiB, `${near.received} bytes came while paused`).toBe(true);
        near.resume();
        await h.until(() => near.received >= given, 'all bytes come');
        h.sameBytes(near.bytes, blocks(given));
        await h.until(() => !far.isPaused);
      });

      spec('sent: reaches what was given when all of it has left, not before', async (h) => {
        const { near, far } = await connectedPair(h, carrier, plugin, counterpart);
        far.pause();
        for (let at = 0; at < tooMuch; at += CHUNK) near.write(block(at / CHUNK));
        for (let calm = 0; calm < TURNS; calm += 1) await turn();
        expect(near.sent < tooMuch, `${near.sent} bytes told to be sent to a peer that takes none`).toBe(true);
        far.resume();
        await h.until(() => near.sent >= tooMuch && far.received >= tooMuch, 'all bytes leave and come');
        h.sameBytes(far.bytes, blocks(tooMuch));
        near.end();
        await far.waitFor('end');
        expect(near.sent).toBe(tooMuch);
      });
    });
  });
});
