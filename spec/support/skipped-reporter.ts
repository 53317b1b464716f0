import type { Reporter, TestModule } from 'vitest/node';

/** Prints the full name of each skipped test, with its reason, so that omissions are visible. */
export default class SkippedReporter implements Reporter {
  onTestRunEnd(testModules: readonly TestModule[]): void {
    const skipped = testModules.flatMap((module) =>
      [...module.children.allTests('skipped')].map((test) => {
        const result = test.result();
        const note = result.state === 'skipped' ? result.note : undefined;
        return `${module.relativeModuleId} > ${test.fullName}${note === undefined ? '' : ` (${note})`}`;
      }),
    );
    console.log(`Skipped tests: ${skipped.length}`);
    for (const name of skipped) console.log(`  skipped: ${name}`);
  }
}
