import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { describe, expect } from 'vitest';
import type { SocketDuplex } from '../../src/adapters/socket-duplex.ts';
import { selfSigned } from '../support/certificates.ts';
import { spec } from '../support/spec.ts';
import { deadPort, served } from '../support/loopback.ts';
import { listening, sendClientAddress, testAgent } from './agent-tools.ts';

describe('createConnection of an agent', () => {
  spec('returns the connection at once, and calls back when it is connected', async (h) => {
    const { port } = await listening(h, http.createServer(sendClientAddress));
    const calls: unknown[][] = [];
    const httpAgent = testAgent(h);
    const called = new Promise<void>((resolve) => {
      const duplex = httpAgent.createConnection(
        { protocol: 'http:', hostname: '127.0.0.1', host: `127.0.0.1:${port}`, port },
        (...given) => {
          calls.push(given);
          resolve();
        },
      );
      calls.push([duplex]);
    });
    expect(calls).toHaveLength(1);
    await called;
    const [[returned], [error, given]] = calls as [[Duplex], [null, Duplex]];
    expect([error, given === returned, (given as SocketDuplex).connecting]).toEqual([null, true, false]);
    given.destroy();
    await once(given, 'close');
  });

  spec('calls back with the error of the connection, or of invalid options', async (h) => {
    const httpAgent = testAgent(h);
    const failure = async (options: object): Promise<unknown> =>
      new Promise((resolve) => {
        httpAgent.createConnection({ protocol: 'http:', ...options }, resolve);
      });
    expect(await failure({ host: '127.0.0.1', port: await deadPort() })).toMatchObject({ code: 'ECONNREFUSED' });
    expect(await failure({ host: '127.0.0.1', port: -1 })).toBeInstanceOf(TypeError);
    const { port: secure } = await listening(h, https.createServer(selfSigned, sendClientAddress));
    const refused = await failure({ protocol: 'https:', host: '127.0.0.1', port: secure });
    expect(refused).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  spec('reads no option from Object.prototype', async (h) => {
    const { host, port } = (await served(h)) as { host: string; port: number };
    const polluted = { protocol: 'https:', socketPath: '/nowhere', servername: 'evil.test', rejectUnauthorized: false, timeout: 1 };
    const httpAgent = testAgent(h);
    const own = httpAgent.getName({ protocol: 'https:', host, port });
    Object.assign(Object.prototype, polluted);
    let duplex: Duplex;
    let seen: string;
    try {
      duplex = httpAgent.createConnection({ protocol: 'http:', host, port })!;
      seen = httpAgent.getName({ protocol: 'https:', host, port });
    } finally {
      for (const each of Object.keys(polluted)) Reflect.deleteProperty(Object.prototype, each);
    }
    await once(duplex, 'connect');
    expect([(duplex as SocketDuplex).timeout, 'encrypted' in duplex]).toEqual([undefined, false]);
    expect(seen).toBe(own);
    duplex.destroy();
    await once(duplex, 'close');
  });

  spec('destroys the connection with an AbortError when its signal aborts', async (h) => {
    const { host, port } = (await served(h)) as { host: string; port: number };
    const aborting = new AbortController();
    const duplex = testAgent(h).createConnection({ protocol: 'http:', host, port, signal: aborting.signal })!;
    await once(duplex, 'connect');
    aborting.abort();
    const [error] = (await once(duplex, 'error')) as [Error];
    expect(error.name).toBe('AbortError');
  });
});
