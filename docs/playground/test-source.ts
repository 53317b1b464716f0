import type { State } from './state.ts';

const LINES = ['app', 'to wire', 'wire', 'to app'] as const;

/** Returns the test on the page as a TypeScript file to paste into a project. */
export function testSource(fields: State['fields']): string {
  const values = fields.values
    .split('\n')
    .map((row) => row.trim().replace(/,$/, ''))
    .filter((row) => row !== '')
    .map((row) => `    ${row},\n`);
  const rows = LINES.filter((name) => fields[name].trim() !== '').map((name) => `    ${`${name}:`.padEnd(10)}${fields[name]}\n`);
  return `import { marbles } from 'rxjs-io-stream/testing';
${fields.code.trimEnd()}

marbles({
  plugin,
  values: {
${values.join('')}  },
  diagram: \`
${rows.join('')}  \`,
});
`;
}
