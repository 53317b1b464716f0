import type { MarbleTimeline, MarbleValue, Report, RuleResult } from 'rxjs-io-stream/testing';

/** What the page asks of the worker. Both evaluate the code first. */
export type Request =
  | { readonly kind: 'marbles'; readonly code: string; readonly diagram: string; readonly values: Readonly<Record<string, MarbleValue>> }
  | { readonly kind: 'check'; readonly code: string };

/** A problem of the code, the diagram or the values, before there is a result. */
export interface Problem {
  readonly kind: 'problem';
  readonly message: string;
  /** The line of the code, from 1. */
  readonly line?: number | undefined;
  /** A script that cannot be parsed, at a line that is not known yet. */
  readonly script?: string | undefined;
}

/** The result of a marble test. */
export interface MarbleOutcome {
  readonly kind: 'marbles';
  /** Undefined if no expectation is drawn. */
  readonly ok: boolean | undefined;
  /** The message of a test that failed. */
  readonly message?: string | undefined;
  readonly timelines: readonly MarbleTimeline[];
}

/** A report of `checkPlugin` or `checkCodec`, without its functions: it comes from a worker. */
export interface CheckReport extends Pick<Report, 'ok' | 'cases'> {
  readonly subject: 'plugin' | 'codec';
  readonly results: readonly RuleResult[];
  readonly seconds: number;
}

export interface CheckOutcome {
  readonly kind: 'check';
  readonly reports: readonly CheckReport[];
}

export type Outcome = Problem | MarbleOutcome | CheckOutcome;
