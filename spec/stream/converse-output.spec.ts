import { describe, expect } from 'vitest';
import { converse, type Link } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { joined } from './tools.ts';

describe('converse', () => {
  spec('writes a single byte that was queued before the conversation threw', async (h) => {
    const [a, b] = joined(h);
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
});
