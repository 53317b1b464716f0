import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';

const STATES = { passed: 'proven', failed: 'FAILED', skipped: 'skipped', pending: 'not run' } as const;

/** Prints what was proven with each real peer: the tests of this folder by peer. */
export default class MatrixReporter implements Reporter {
  onTestRunEnd(testModules: readonly TestModule[]): void {
    const peers = testModules
      .filter(({ relativeModuleId }) => relativeModuleId.startsWith('spec/interop/'))
      .flatMap(({ children }) => [...children.suites()]);
    if (peers.length === 0) return;
    console.log('Real peers, and what was proven with them:');
    for (const peer of peers.toSorted((one, other) => one.name.localeCompare(other.name)))
      for (const line of linesOf(peer)) console.log(line);
  }
}

function linesOf(peer: TestSuite): string[] {
  const tests = [...peer.children.allTests()];
  const proven = tests.filter((test) => test.result().state === 'passed');
  return [
    `  ${peer.name}: ${proven.length} of ${tests.length}`,
    ...tests.map((test) => `    ${STATES[test.result().state]}: ${factOf(peer, test)}`),
  ];
}

function factOf(peer: TestSuite, test: TestCase): string {
  return test.fullName.slice(`${peer.name} > `.length);
}
