import { describe, expect } from 'vitest';
import { converse, type Link } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { streamPair } from './tools.ts';

describe('converse', () => {
  spec('writes a single byte that was queued before the conversation threw', async (h) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    let error: unknown;
    // eslint-disable-next-line require-yield -- it throws before it reads
    const refuse = function* (link: Link): Generator<never, void> {
      link.send('x');
      throw new Error('refused');
    };
    converse(a, refuse).subscribe({ error: (thrown: unknown) => (error = thrown) });
    await seen.value();
    expect([String(error), seen.values.map(String)]).toEqual(['Error: refused', ['x']]);
  });

  spec('errors with ECLOSED if we close before its last output is sent', async (h) => {
    const [a, b] = streamPair(h);
    await h.until(() => a.state === 'open' && b.state === 'open');
    b.pause();
    const result = h.observed(converse(a, lastWords));
    expect(result.state).toBe('open');
    a.close();
    expect(result.state).toBe('error');
    h.error(result.error, { code: 'ECLOSED', phase: 'read' });
    b.resume();
  });

  spec('errors with the error of the connection if it fails before its last output is sent', async (h) => {
    const [a, b] = streamPair(h);
    await h.until(() => a.state === 'open' && b.state === 'open');
    b.pause();
    const result = h.observed(converse(a, lastWords));
    h.observed(b.errors$);
    b.reset();
    await result.ended;
    expect(result.state).toBe('error');
    h.error(result.error, { code: 'ECONNRESET' });
  });
});

// eslint-disable-next-line require-yield -- it reads nothing
function* lastWords(link: Link): Generator<never, void> {
  link.send('last words');
}
