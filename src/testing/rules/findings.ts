import { reportOf, type Report, type RuleResult } from './report.ts';
import type { Rules } from './rules.ts';

interface Finding {
  readonly problem: string;
  readonly input: string;
  readonly weight: number;
}

/** The weight of a finding without an input of its own: any other finding about the rule is reported instead. */
export const NO_INPUT = 1e9;

/** Collects findings, and keeps the one with the shortest input for each rule. */
export class Findings {
  readonly #byRule = new Map<number, Finding>();
  readonly #rules: Rules;
  /** Number of cases so far. */
  cases = 0;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** @param weight the length of the input: of two findings about a rule, the lighter one is reported. */
  add(rule: number, problem: string, input: string, weight: number): void {
    const known = this.#byRule.get(rule);
    if (!known || weight < known.weight) this.#byRule.set(rule, { problem, input, weight });
  }

  has(rule: number): boolean {
    return this.#byRule.has(rule);
  }

  /** @param subject names what was checked: `the wire`. */
  report(subject: string, numbers: readonly number[]): Report {
    return reportOf(
      subject,
      numbers.map((rule) => this.#resultOf(rule)),
      this.cases,
    );
  }

  #resultOf(number: number): RuleResult {
    const { name = '', text = '' } = this.#rules[number] ?? {};
    const head = { rule: number, name: `rule ${number} ${name}`, text };
    const found = this.#byRule.get(number);
    return found ? { ...head, ok: false, problem: found.problem, input: found.input } : { ...head, ok: true };
  }
}
