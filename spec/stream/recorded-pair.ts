import type { Harness } from '../support/harness.ts';
import { closedReport, streamPair, type Options } from './tools.ts';

/** Two joined streams. Records the data that each has sent, and the reports of both. */
export function recordedPair(h: Harness, a: Options = {}, b: Options = {}) {
  const [left, right] = streamPair(h, a, b);
  return {
    a: left,
    b: right,
    fromA: h.observed(right.data$),
    fromB: h.observed(left.data$),
    reports: Promise.all([closedReport(left), closedReport(right)]),
  };
}
