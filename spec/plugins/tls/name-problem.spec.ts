import { describe, expect } from 'vitest';
import type { TlsClientOptions } from '../../../src/plugins/tls/tls-client.ts';
import { spec } from '../../support/spec.ts';
import { detailsOf, TlsPair, type TlsPairOptions } from '../../support/tls-pair.ts';

describe('checkServerIdentity', () => {
  spec('is called with the dialled name and the certificate', async (h) => {
    const asked: unknown[] = [];
    const check = (host: string, { subject }: { subject: { CN: string } }): Error | undefined => {
      asked.push([host, subject.CN]);
      return asked.length > 1 ? new Error('no more') : undefined;
    };
    const options: TlsPairOptions = {
      client: { checkServerIdentity: check as TlsClientOptions['checkServerIdentity'] },
      dial: { to: { host: 'other.test', port: 7 } },
    };
    await TlsPair.connected(h, options);
    const second = new TlsPair(h, options);
    await Promise.all([second.client.up.ended, second.server.up.ended]);
    h.error(second.client.up.error, { code: 'ETLSCERT' });
    expect(asked).toStrictEqual(Array(2).fill(['other.test', 'localhost']));
  });

  const answers: Record<string, () => unknown> = {
    'a throw': () => {
      throw new Error('no more');
    },
    'a throw of what is no error': () => {
      throw 'no more'; // eslint-disable-line @typescript-eslint/only-throw-error
    },
    'an error': () => new Error('no more'),
    'a string, as Node accepts it': () => 'no more',
    'a promise, as Node accepts it': async () => undefined,
  };

  spec.each(Object.keys(answers))('errors with ETLSCERT if it answers with %s', async (h, how) => {
    const check = answers[how] as () => undefined;
    const ends = new TlsPair(h, { client: { checkServerIdentity: check } });
    await Promise.all([ends.client.up.ended, ends.server.up.ended]);
    h.error(ends.client.up.error, { code: 'ETLSCERT', phase: 'handshake', layer: 'client' });
    if (!how.includes('promise')) expect(((ends.client.up.error as Error).cause as Error).message).toBe('no more');
    const through = await TlsPair.connected(h, { client: { checkServerIdentity: check, rejectUnauthorized: false } });
    expect(detailsOf(through.client).authorized).toBe(false);
  });

  spec('accepts if it returns null, as in Node', async (h) => {
    const { client } = await TlsPair.connected(h, { client: { checkServerIdentity: () => null as unknown as undefined } });
    expect(detailsOf(client).authorized).toBe(true);
  });
});
