import { filter, NEVER } from 'rxjs';
import { describe, expect } from 'vitest';
import { requests } from '../../../src/codecs/requests/requests.ts';
import { EFRAMELIMIT, EPROTOCOL } from '../../../src/errors.ts';
import { spec } from '../../support/spec.ts';
import { ticks, turns, unhandled } from '../../stream/tools.ts';
import { orderedPair } from './clients.ts';

describe('requests and an error of the stream', () => {
  type Ends = ReturnType<typeof orderedPair>;
  const FAILURES: readonly (readonly [what: string, code: string, fail: (ends: Ends) => void])[] = [
    ['of the wire', 'ECONNRESET', ({ peer }) => peer.io.reset()],
    ['of the codec', EFRAMELIMIT, ({ peer }) => peer.io.write('x'.repeat(70))],
    ['of match', EPROTOCOL, ({ peer }) => peer.write('boom')],
  ];
  const deaf = { error: (): void => {} };
  const match = (line: string | Uint8Array): unknown => {
    if (line === 'boom') throw new Error('why');
    return line;
  };

  for (const [what, code, fail] of FAILURES) {
    spec(`reports an unhandled error ${what} once, and not to an abandoned, answered or late request`, async (h) => {
      const reported = unhandled(h);
      const ends = orderedPair(h);
      const { request, pending } = requests(ends.client, { match, timeout: 20 });
      h.observed(request('abandoned')).unsubscribe();
      const late = h.observed(request('late'));
      const answered = h.observed(request('answered'));
      await h.until(() => ends.received.length === 3, 'the requests arrive');
      ends.peer.write('answered');
      await answered.ended;
      h.error((await late.ended).error, { code: 'ETIMEDOUT' });
      expect(pending).toBe(0);
      fail(ends);
      await h.until(() => reported.length > 0, 'the report');
      await turns();
      expect(reported.length).toBe(1);
      h.error(reported[0], { code });
      h.error((await h.observed(request('later')).ended).error, { code });
    });

    for (const [who, listen] of [
      ['a pending request', ({ request }) => void request('open').subscribe(deaf)],
      ['unmatched$', ({ unmatched$ }) => void unmatched$.subscribe(deaf)],
      ['messages$', (_line, { messages$ }) => void messages$.subscribe(deaf)],
      ['errors$', (_line, { io }) => void io.errors$.subscribe()],
      ['data$', (_line, { io }) => void io.data$.subscribe(deaf)],
      ['cb', (_line, { io }) => void (io.cb = () => {})],
    ] as [string, (line: ReturnType<typeof requests<string, string | Uint8Array>>, client: Ends['client']) => void][])
      spec(`does not report an error ${what} that is handled by ${who}`, async (h) => {
        const reported = unhandled(h);
        const ends = orderedPair(h);
        listen(requests(ends.client, { match }), ends.client);
        await ticks();
        fail(ends);
        await h.until(() => ends.client.io.state === 'closed', 'the close');
        await turns();
        expect(reported).toStrictEqual([]);
      });
  }

  spec('does not report an error that is handled by a consumer of the messages', async (h) => {
    const reported = unhandled(h);
    const { client, peer } = orderedPair(h);
    requests(client);
    const handled = h.observed(client.consume(() => NEVER));
    await ticks();
    peer.io.reset();
    h.error((await handled.ended).error, { code: 'ECONNRESET' });
    await turns();
    expect(reported).toStrictEqual([]);
  });

  spec('reports an unhandled error once, however many requests() there are', async (h) => {
    const reported = unhandled(h);
    const { client, peer } = orderedPair(h);
    requests(client);
    requests(client);
    await ticks();
    peer.io.reset();
    await h.until(() => reported.length > 0, 'the report');
    await turns();
    expect(reported.length).toBe(1);
  });

  spec('counts an error as handled if operators are between messages$ and requests', async (h) => {
    const reported = unhandled(h);
    const { client, peer } = orderedPair(h);
    requests({ ...client, messages$: client.messages$.pipe(filter(() => true)) });
    await ticks();
    peer.io.reset();
    await h.until(() => client.io.state === 'closed', 'the close');
    await turns();
    expect(reported).toStrictEqual([]);
  });
});
