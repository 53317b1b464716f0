import { asText } from '../../util/log-format.ts';

/** The rules that every wire and plugin must keep, by number; `Wire` documents them. */
export const RULES: Readonly<Record<number, string>> = {
  1: 'cold',
  2: 'order',
  3: 'early bytes',
  4: 'half-close',
  5: 'close',
  6: 'unsubscribe',
  7: 'pause and resume',
  8: 'sent',
  9: 'leftovers',
  10: 'ownership',
  11: 'synchronous signals',
  12: 'time',
};

/** The result for one rule. */
export interface RuleResult {
  readonly rule: number;
  /** The name with its number: `rule 2 order`. */
  readonly name: string;
  readonly ok: boolean;
  /** One sentence: what was expected, and what happened instead. Undefined if the rule is kept. */
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
  /** Returns all results as text, one per line. */
  readonly toString: () => string;
}

/**
 * Returns the requested rules, or all known rules by default.
 *
 * @param asked the `rules` option.
 * @param known the rules that can be checked here.
 * @param check the name of the check, for the message.
 * @throws TypeError for a rule that is not known.
 */
export function chosenRules(asked: readonly number[] | undefined, known: readonly number[], check: string): readonly number[] {
  const strange = asked?.find((rule) => !known.includes(rule));
  if (strange !== undefined)
    throw new TypeError(`expected each of \`rules\` of ${check} to be one of ${known.join(', ')}, got ${asText(strange)}`);
  return asked ?? known;
}

interface Finding {
  readonly problem: string;
  readonly input: string;
  readonly weight: number;
}

/** Collects findings, and keeps the one with the shortest input for each rule. */
export class Findings {
  readonly #found = new Map<number, Finding>();
  readonly #names: Readonly<Record<number, string>>;
  /** Number of cases so far. */
  cases = 0;

  /** @param names the names of the rules by number. */
  constructor(names: Readonly<Record<number, string>> = RULES) {
    this.#names = names;
  }

  /** @param weight the length of the input: of two findings about a rule, the lighter one is reported. */
  add(rule: number, problem: string, input: string, weight: number): void {
    const known = this.#found.get(rule);
    if (!known || weight < known.weight) this.#found.set(rule, { problem, input, weight });
  }

  has(rule: number): boolean {
    return this.#found.has(rule);
  }

  report(subject: string, rules: readonly number[]): Report {
    const results = rules.map((rule): RuleResult => {
      const found = this.#found.get(rule);
      const name = `rule ${rule} ${this.#names[rule] ?? ''}`;
      return found ? { rule, name, ok: false, problem: found.problem, input: found.input } : { rule, name, ok: true };
    });
    return new FinishedReport(subject, results, this.cases);
  }
}

class FinishedReport implements Report {
  readonly ok: boolean;
  readonly results: readonly RuleResult[];
  readonly cases: number;
  readonly #subject: string;

  constructor(subject: string, results: readonly RuleResult[], cases: number) {
    this.#subject = subject;
    this.cases = cases;
    this.results = results;
    this.ok = results.every((each) => each.ok);
  }

  readonly assert = (): Report => {
    if (this.ok) return this;
    const broken = this.results.filter((each) => !each.ok);
    throw new Error(`${this.#subject} breaks ${broken.length} of ${this.results.length} rules:\n${broken.map(line).join('\n')}`);
  };

  readonly toString = (): string => this.results.map(line).join('\n');
}

function line({ name, ok, problem, input }: RuleResult): string {
  return ok ? `  ${name}: ok` : `  ${name}: ${problem ?? ''}\n    shortest input: ${input ?? ''}`;
}
