import type { Reporter, TestModule } from 'vitest/node';

/**
 * Prints the full name of each test that did not run, with its reason, so that omissions are visible. Those of a skipped suite inside a
 * skipped suite stay pending.
 */
export default class SkippedReporter implements Reporter {
  onTestRunEnd(testModules: readonly TestModule[]): void {
    const skipped = testModules.flatMap((module) =>
      [...module.children.allTests('skipped'), ...module.children.allTests('pending')].map((test) => {
        const result = test.result();
        const note = result.state === 'skipped' ? result.note : undefined;
        return `${module.relativeModuleId} > ${test.fullName}${note === undefined ? '' : ` (${note})`}`;
      }),
    );
    console.log(`Skipped tests: ${skipped.length}`);
    for (const name of skipped) console.log(`  skipped: ${name}`);
  }
}
