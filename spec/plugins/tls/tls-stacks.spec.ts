import { assert, describe, expect, it } from 'vitest';
import { handshake } from '../../../src/layers/handshake.ts';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import { checkPlugin } from '../../../src/testing/rules/check-plugin.ts';
import type { Plugin } from '../../../src/wire/signal.ts';
import { stack } from '../../../src/wire/stack.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import { detailsOf, VERSIONS } from '../../support/tls-pair.ts';
import { CONNECTIONS, connectedPair } from '../../support/connected-pair.ts';

const { ca, server } = certificates;

const LONG = Buffer.alloc(2 * 1024 * 1024, 'long');

describe('layers with TLS', () => {
  const knock = handshake({
    *talk(link) {
      link.send('KNOCK\n');
      return { answer: Buffer.from(yield* link.readUntil('\n', 64)).toString() };
    },
  });

  const open = handshake({
    *talk(link) {
      yield* link.readUntil('\n', 64);
      link.send('COME\n');
    },
  });

  const client = tlsClient({ ca });

  const serve = tlsServer(server);

  const stacks: Record<string, readonly [Readonly<Record<string, Plugin>>, Readonly<Record<string, Plugin>>]> = {
    'TLS in TLS': [
      { inner: client, outer: client },
      { inner: serve, outer: serve },
    ],
    'TLS in TLS in TLS': [
      { inner: client, middle: client, outer: client },
      { inner: serve, middle: serve, outer: serve },
    ],
    'a handshake in TLS': [
      { knock, outer: client },
      { open, outer: serve },
    ],
    'TLS in a handshake in TLS': [
      { inner: client, knock, outer: client },
      { inner: serve, open, outer: serve },
    ],
  };

  describe.each(Object.keys(stacks))('%s', (name) => {
    const [ours, theirs] = stacks[name] as readonly [Record<string, Plugin>, Record<string, Plugin>];

    spec.each(CONNECTIONS)('carries bytes both ways, half-closes and ends cleanly on a %s', async (h, carrier) => {
      const { near, far } = await connectedPair(
        h,
        carrier,
        (wire) => stack(ours, wire),
        (wire) => stack(theirs, wire),
      );
      expect(Object.keys(ours).map((_, at) => detailsOf(near, at).layer)).toStrictEqual(Object.keys(ours));
      near.write(LONG);
      near.end();
      await far.waitFor('end');
      h.sameBytes(far.bytes, LONG);
      far.write('answer');
      far.close();
      await Promise.all([near.up.ended, far.up.ended]);
      expect(near.text).toBe('answer');
      expect([near.up.state, far.up.state, near.sent, far.sent]).toStrictEqual(['complete', 'complete', LONG.length, 6]);
      assert([...near.up.values, ...far.up.values].every((signal) => !('truncated' in signal)));
    });
  });

  spec('gives each layer its own options', async (h) => {
    const inner = tlsClient({ ca, servername: 'localhost', ALPNProtocols: ['inner'] });
    const outer = tlsClient({ ca, servername: 'other.test', minVersion: 'TLSv1.3', session: false });
    const [a, b] = memoryPair();
    const service = {
      inner: tlsServer({ ...server, ALPNProtocols: ['inner', 'outer'] }),
      outer: tlsServer({ ...certificates.other, ALPNProtocols: ['outer', 'inner'] }),
    };
    const far = new WireDriver(h, stack(service, b));
    const near = new WireDriver(h, stack({ inner, outer }, a), { ...dialOf(), to: { host: 'elsewhere.test', port: 7 } });
    await Promise.all([near.waitFor('connected'), far.waitFor('connected')]);
    const seen = [0, 1].map((at) => [detailsOf(far, at).layer, detailsOf(far, at).servername, detailsOf(far, at).alpnProtocol]);
    expect(seen).toStrictEqual([
      ['inner', 'localhost', 'inner'],
      ['outer', 'other.test', false],
    ]);
  });
});

describe.each(VERSIONS)('the rules of a plugin, %s', (maxVersion) => {
  // Full handshakes each time: of a resumed one there is less to cut.
  const us = tlsClient({ ca, servername: 'localhost', maxVersion, session: false });

  const them = tlsServer(server);

  const options = { time: 'real', single: 10, random: 5, timeout: 10_000 } as const;

  it('are kept by tlsClient', async () => {
    (await checkPlugin(us, them, options)).assert();
  });

  it('are kept by tlsServer', async () => {
    (await checkPlugin(them, us, options)).assert();
  });
});
