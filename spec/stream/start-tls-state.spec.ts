import { NEVER } from 'rxjs';
import { startTls } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import * as certificates from '../support/certificates.ts';
import { spec } from '../support/spec.ts';
import { streamPair } from './tools.ts';

describe('startTls', () => {
  spec('resumes the wire of a stream whose reading was paused', async (h) => {
    const [a, b] = streamPair(h);
    await h.until(() => a.state === 'open' && b.state === 'open');
    a.pause();
    const client = h.observed(startTls(a, { ca: certificates.ca, servername: 'localhost' }), 'the client');
    const server = h.observed(startTls(b, { ...certificates.server, isServer: true }), 'the server');
    const [secured] = await Promise.all([client.value(), server.value()]);
    expect(secured.state).toBe('open');
  });

  spec('refuses a stream with a single byte that is pending', async (h) => {
    const [a, b] = streamPair(h);
    await h.until(() => a.state === 'open' && b.state === 'open');
    b.pause();
    a.write('x');
    const upgrade = h.observed(startTls(a, { ca: certificates.ca, servername: 'localhost' }));
    expect([upgrade.state, String(upgrade.error)]).toEqual(['error', expect.stringContaining('without pending bytes, got 1:')]);
  });

  spec('refuses a stream with an active send that has no bytes yet', async (h) => {
    const [a, b] = streamPair(h);
    await h.until(() => a.state === 'open' && b.state === 'open');
    h.observed(a.send(NEVER), 'the send');
    const upgrade = h.observed(startTls(a, { ca: certificates.ca, servername: 'localhost' }));
    expect([upgrade.state, String(upgrade.error)]).toEqual(['error', expect.stringContaining('wait for SENT, or use send()')]);
  });
});
