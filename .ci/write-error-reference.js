// Writes the reference of the error codes: number, fatality, text and docstring of each code, and the fields of an error. All of it
// comes from src/errors.ts.
//
//   node .ci/write-error-reference.js            writes docs/reference/errors.md
//   node .ci/write-error-reference.js FILE       writes FILE
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const SOURCE = fileURLToPath(new URL('../src/errors.ts', import.meta.url));
const GUIDE = '../guides/troubleshooting.md';
const source = ts.createSourceFile(SOURCE, readFileSync(SOURCE, 'utf8'), ts.ScriptTarget.Latest, true);
const declarations = source.statements.filter(ts.isVariableStatement).flatMap(({ declarationList }) => declarationList.declarations);

/** The docstring of a declaration in one line, with its links as code, to stand in a cell of a table. */
function docOf(node) {
  const [doc] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const text = ts.getTextOfJSDocComment(doc?.comment) ?? '';
  return text
    .replace(/\{@link (\w+)\}/g, '`$1`')
    .replace(/\s+/g, ' ')
    .replaceAll('|', '\\|')
    .trim();
}

/** The code of a literal: `-10100` is a prefix and a number. */
const textOf = (node) => (ts.isStringLiteral(node) ? node.text : node.getText());

function codeRows() {
  const table = declarations.find(({ name }) => name.getText() === 'CODES');
  const docs = new Map(declarations.filter((each) => each !== table).map((each) => [each.name.getText(), docOf(each)]));
  return table.initializer.properties.map(({ name, initializer }) => {
    const facts = Object.fromEntries(initializer.properties.map((each) => [each.name.getText(), textOf(each.initializer)]));
    const code = name.getText();
    const doc = docs.get(code);
    if (!doc) throw new Error(`expected a constant ${code} with a docstring in ${SOURCE}, got none`);
    return `| [${code}](${GUIDE}#${code.toLowerCase()}) | ${facts.errno} | ${facts.fatal === 'true' ? 'yes' : 'no'} | ${facts.text} | ${doc} |`;
  });
}

function fieldRows() {
  const { members } = source.statements.find((each) => ts.isClassDeclaration(each) && each.name.text === 'IOStreamError');
  return members.filter(ts.isPropertyDeclaration).map((field) => {
    const optional = field.questionToken ? '?' : '';
    const type = field.type.getText().replace(/\s+/g, ' ').replaceAll('|', '\\|');
    return `| \`${field.name.getText()}${optional}\` | \`${type}\` | ${docOf(field)} |`;
  });
}

const page = `# Errors

Every failure is an \`IOStreamError\`. Each code is an exported constant that equals its name.
What to do about a code: [troubleshooting](${GUIDE}).

## Codes

| code | number | fatal | default message | when |
|---|---|---|---|---|
${codeRows().join('\n')}

Any other code is the system's own, with Node's number, and fatal.

## Fields

| field | type | |
|---|---|---|
${fieldRows().join('\n')}
`;

const file = process.argv[2] ?? fileURLToPath(new URL('../docs/reference/errors.md', import.meta.url));
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, page);
console.log(`${file}: ${codeRows().length} codes, ${fieldRows().length} fields`);
