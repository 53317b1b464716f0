import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { spec } from '../support/spec.ts';
import { ClosedReport } from '../../src/stream/closed-report.ts';
import { streamPair } from './tools.ts';

describe('the report of closed$', () => {
  spec('prints its name, its facts and the error', async (h) => {
    const [io, peer] = streamPair(h);
    h.watch(io);
    h.watch(peer);
    const report = h.observed(io.closed$);
    await h.until(() => io.state === 'open' && peer.state === 'open');
    peer.reset();
    await report.ended;
    const [value] = report.values;
    const text = inspect(value);
    for (const part of ["ClosedReport {\n  by: 'error',\n  error: IOStreamError: read ECONNRESET", 'bytesIn: 0', 'unsent: 0'])
      expect(text).toContain(part);
    expect(JSON.parse(JSON.stringify(value))).toMatchObject({
      by: 'error',
      error: { name: 'IOStreamError', code: 'ECONNRESET', phase: 'read' },
      bytesIn: 0,
      unsent: 0,
    });
  });

  const facts = { by: 'us', bytesIn: 1, bytesOut: 2, unsent: 3, startedAt: 4, closedAt: 5 } as const;

  it('has no field for an error without one', () => {
    expect(JSON.stringify(new ClosedReport(facts))).toBe(JSON.stringify(facts));
  });

  it('shows an abort reason for JSON.stringify, not {}', () => {
    const report = new ClosedReport({ ...facts, error: AbortSignal.abort().reason as unknown });
    expect(JSON.parse(JSON.stringify(report))).toMatchObject({ by: 'us', error: { name: 'AbortError' } });
  });
});
