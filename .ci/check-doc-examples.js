// Compiles each TypeScript block of the README, of the pages in docs/ and of the docstrings in src/. A block of a docstring that
// imports nothing is a fragment, and is left out.
//
//   node .ci/check-doc-examples.js
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import ts from 'typescript';

const MARK = '.example-';

/** The blocks of a file, on the lines on which they stand there, so that an error names the line. */
function* examplesOf(file) {
  const text = readFileSync(file, 'utf8').replace(/\r/g, '');
  const prose = file.endsWith('.md') ? text : text.replace(/^ *\*(?: |$)/gm, '');
  for (const { index, 1: code } of prose.matchAll(/^```ts\n([\s\S]*?)^```/gm)) {
    const linesBefore = prose.slice(0, index).split('\n').length;
    if (file.endsWith('.md') || code.includes('import ')) yield `${'\n'.repeat(linesBefore)}${code}\nexport {};\n`;
  }
}

const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', 'README.md', 'docs/**/*.md', 'src/**/*.ts'], {
  encoding: 'utf8',
});
const examples = new Map();
for (const file of listed.split('\n').filter(Boolean))
  for (const code of examplesOf(file)) examples.set(`${process.cwd()}/${file}${MARK}${examples.size}.ts`, code);

const { config } = ts.readConfigFile('tsconfig.check.json', ts.sys.readFile);
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
const host = ts.createCompilerHost(options);
const { fileExists, readFile } = host;
host.fileExists = (file) => examples.has(file) || fileExists(file);
host.readFile = (file) => examples.get(file) ?? readFile(file);
const { getSourceFile } = host;
host.getSourceFile = (file, ...rest) => {
  const code = examples.get(file);
  return code === undefined ? getSourceFile(file, ...rest) : ts.createSourceFile(file, code, ...rest.slice(0, 1), true);
};

const program = ts.createProgram([...examples.keys()], options, host);
let problems = 0;
for (const name of examples.keys())
  for (const { start = 0, messageText } of ts.getPreEmitDiagnostics(program, program.getSourceFile(name))) {
    const { line } = program.getSourceFile(name).getLineAndCharacterOfPosition(start);
    const file = name.slice(process.cwd().length + 1, name.lastIndexOf(MARK));
    console.log(`${file}:${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);
    problems += 1;
  }
console.log(`examples in docs and docstrings: ${examples.size} compiled, ${problems} problems`);
if (problems > 0) process.exitCode = 1;
