import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { closedReport, streamPair } from './tools.ts';

describe('output', () => {
  spec('ignores an error after it has completed: the stream is not reset', async (h) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    a.output.next('all of it');
    a.output.complete();
    // eslint-disable-next-line rxjs-x/no-redundant-notify -- it is what this spec is about
    a.output.error(new Error('too late'));
    await seen.ended;
    h.sameBytes(seen.values, 'all of it');
    expect([seen.state, (await closedReport(b)).by]).toEqual(['complete', 'peer']);
    expect((await closedReport(a)).error).toBeUndefined();
  });
});
