import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';

const STATES = { passed: 'proven', failed: 'FAILED', skipped: 'skipped', pending: 'not run' } as const;

const PEERS = 'spec/interop/';
const CLIENTS = 'spec/interop/clients/';

/** Prints the specs of this folder by real peer, and a table of the client libraries by route. */
export default class MatrixReporter implements Reporter {
  onTestRunEnd(testModules: readonly TestModule[]): void {
    const clients = suitesIn(testModules, (file) => file.startsWith(CLIENTS));
    const peers = suitesIn(testModules, (file) => file.startsWith(PEERS) && !file.startsWith(CLIENTS));
    if (peers.length > 0) console.log('Real peers, and what was proven with them:');
    for (const peer of peers) for (const line of linesOf(peer)) console.log(line);
    if (clients.length > 0) console.log('Client libraries, and what was proven on each route:');
    for (const line of tableOf(clients)) console.log(line);
  }
}

function suitesIn(modules: readonly TestModule[], matches: (file: string) => boolean): TestSuite[] {
  return modules
    .filter(({ relativeModuleId }) => matches(relativeModuleId))
    .flatMap(({ children }) => [...children.suites()])
    .toSorted((one, other) => one.name.localeCompare(other.name));
}

function linesOf(peer: TestSuite): string[] {
  const tests = [...peer.children.allTests()];
  return [`  ${peer.name}: ${proven(tests)}`, ...tests.map((test) => lineOf(peer, test))];
}

/** Returns a row for each library with a column for each route, then the specs that did not pass. */
function tableOf(clients: readonly TestSuite[]): string[] {
  const routesOf = (client: TestSuite): TestSuite[] => [...client.children.suites()];
  const routes = [...new Set(clients.flatMap(routesOf).map(({ name }) => name))];
  const rows = clients.map((client) => [
    client.name,
    ...routes.map((route) => proven(routesOf(client).flatMap((suite) => (suite.name === route ? [...suite.children.allTests()] : [])))),
  ]);
  const all = [['', ...routes], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const table = all.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd());
  const others = clients.flatMap((client) =>
    [...client.children.allTests()]
      .filter((test) => test.result().state !== 'passed')
      .map((test) => lineOf(client, test).replace(': ', `: ${client.name}: `)),
  );
  return [...table, ...others];
}

function proven(tests: readonly TestCase[]): string {
  return tests.length === 0 ? '-' : `${tests.filter((test) => test.result().state === 'passed').length} of ${tests.length}`;
}

function lineOf(peer: TestSuite, test: TestCase): string {
  return `    ${STATES[test.result().state]}: ${test.fullName.slice(`${peer.name} > `.length)}`;
}
