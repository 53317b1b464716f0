/** The result for one rule. */
export interface RuleResult {
  /** The number of the rule, from 1. */
  readonly rule: number;
  /** The name with its number: `rule 2 order`. */
  readonly name: string;
  /** The rule in one sentence. */
  readonly text: string;
  /** Whether the rule is kept. */
  readonly ok: boolean;
  /** One sentence: what happened, and what should have happened instead. Undefined if the rule is kept. */
  readonly problem?: string | undefined;
  /** The shortest input found that breaks it. */
  readonly input?: string | undefined;
}

/** The result of `checkWire`, `checkPlugin` and `checkCodec`. */
export interface Report {
  /** Whether every checked rule is kept. */
  readonly ok: boolean;
  /** One result per checked rule, in order. */
  readonly results: readonly RuleResult[];
  /** Number of cases: connections made, or streams decoded. */
  readonly cases: number;
  /** Throws an `Error` that lists every broken rule; returns the report if there is none. */
  readonly assert: () => Report;
  /** Returns all results as text. */
  readonly toString: () => string;
}

/**
 * Creates a report of results.
 *
 * @param subject names what was checked: `the wire`.
 * @param cases the number of cases.
 */
export function reportOf(subject: string, results: readonly RuleResult[], cases: number): Report {
  const broken = results.filter(({ ok }) => !ok);
  const report: Report = {
    ok: broken.length === 0,
    results,
    cases,
    assert: () => {
      if (broken.length === 0) return report;
      throw new Error(`${subject} breaks ${broken.length} of ${results.length} rules:\n${linesOf(broken)}`);
    },
    toString: () => linesOf(results),
  };
  return report;
}

function linesOf(results: readonly RuleResult[]): string {
  return results
    .map(({ name, text, ok, problem = '', input = '' }) =>
      ok ? `  ${name}: ok` : `  ${name}: ${problem}\n    the rule: ${text}\n    shortest input: ${input}`,
    )
    .join('\n');
}
