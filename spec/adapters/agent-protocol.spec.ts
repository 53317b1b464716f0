import http from 'node:http';
import https from 'node:https';
import { describe, expect } from 'vitest';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { served } from '../support/loopback.ts';
import { testAgent } from './agent-tools.ts';

describe('protocol of a connection', () => {
  const clear: http.RequestOptions[] = [{}, { protocol: 'http:' }, { protocol: '' }, { protocol: null }, { defaultPort: 443 }];
  const secure: http.RequestOptions[] = [{}, { protocol: 'https:' }, { protocol: '' }, { protocol: null }, { defaultPort: 80 }];

  /** Returns the first byte that a server receives: 0x16 starts a TLS record. */
  async function firstByte(h: Harness, ask: (place: { host: string; port: number }) => unknown): Promise<number | undefined> {
    let first: number | undefined;
    const place = await served(h, (socket) => {
      socket
        .on('error', () => {})
        .once('data', (bytes) => {
          first = bytes[0];
          socket.destroy();
        });
    });
    ask(place as { host: string; port: number });
    await h.until(() => first !== undefined);
    return first;
  }

  spec('is TLS for requests of node:https, and cleartext for those of node:http', async (h) => {
    for (const [module, all, expected] of [
      [http, clear, 'G'.charCodeAt(0)],
      [https, secure, 0x16],
    ] as const) {
      for (const options of all) {
        const first = await firstByte(h, (place) => module.get({ ...place, ...options, agent: testAgent(h) }).on('error', () => {}));
        expect(first, JSON.stringify(options)).toBe(expected);
      }
    }
  });

  spec('is TLS for createConnection, unless its protocol is http:', async (h) => {
    for (const [protocol, expected] of [
      ['http:', 'x'.charCodeAt(0)],
      ['https:', 0x16],
      ['HTTPS:', 0x16],
      ['', 0x16],
      [undefined, 0x16],
    ] as const) {
      const first = await firstByte(h, (place) => {
        const duplex = testAgent(h).createConnection({ ...place, protocol })!;
        duplex.on('error', () => {}).write('x');
        h.defer(() => duplex.destroy());
      });
      expect(first, protocol).toBe(expected);
    }
  });
});
