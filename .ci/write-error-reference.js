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

const isCode = ({ initializer }) => ts.isCallExpression(initializer) && initializer.expression.getText() === 'ownCode';

/** One row for each constant: `ownCode(code, errno, text, fatal)`. */
function codeRows() {
  return declarations.filter(isCode).map((declaration) => {
    const [{ text: code }, errno, { text }, fatal] = declaration.initializer.arguments;
    const doc = docOf(declaration);
    if (!doc) throw new Error(`expected a docstring of ${code} in ${SOURCE}, got none`);
    const isFatal = fatal?.kind !== ts.SyntaxKind.FalseKeyword;
    return `| [${code}](${GUIDE}#${code.toLowerCase()}) | ${errno.getText()} | ${isFatal ? 'yes' : 'no'} | ${text} | ${doc} |`;
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
