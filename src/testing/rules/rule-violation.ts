/** Thrown when a rule is broken; ends its case. */
export class RuleViolation extends Error {
  readonly rule: number;

  constructor(rule: number, message: string) {
    super(message);
    this.rule = rule;
  }
}

/** Runs a case, and reports the violation that ends it. Rethrows any other error. */
export async function reportViolation(run: () => Promise<void>, report: (rule: number, problem: string) => void): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof RuleViolation)) throw error;
    report(error.rule, error.message);
  }
}
