// Checks the docstrings of everything that the library exports:
//
// - each exported name, each public member of an exported class and each field of an exported interface has one
// - that of a function or class has an example, or an `@see` to an exported name whose docstring has one
// - the first sentence of a function's starts with a verb in the third person ("Creates …")
// - a page of docs/ that one links to exists
// - none has more than 250 words, code and drawings not counted
// - an optional field of an interface `…Options` states its `@default`
//
//   node .ci/check-docstrings.js            prints what is wrong, and fails if anything is
//   node .ci/check-docstrings.js --words    prints the number of words of each docstring, too
import ts from 'typescript';

const DOORS = ['src/index.ts', 'src/nats.ts', 'src/testing.ts', 'src/inspect.ts', 'src/opentelemetry.ts'];
const MAX_WORDS = 250;

const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
const program = ts.createProgram(DOORS, { ...options, noEmit: true });
const checker = program.getTypeChecker();

/** The text between the delimiters of each docstring of a node, without the stars. Overloads may have one each. */
function docstringsOf(node) {
  const owner = ts.isVariableDeclaration(node) ? node.parent.parent : node;
  return ts
    .getJSDocCommentsAndTags(owner)
    .filter(ts.isJSDoc)
    .map((doc) => doc.getText().replace(/^\/\*\*|\*\/$|^\s*\* ?/gm, ''));
}

const withoutCode = (doc) => doc.replace(/```[\s\S]*?```/g, '');
const wordsOf = (doc) => withoutCode(doc).split(/\s+/).filter(Boolean).length;
const hasExample = (doc) => /```ts\b/.test(doc);

/** The exported names, with their declarations. */
const exported = new Map();
for (const door of DOORS)
  for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(door)))) {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    exported.set(symbol.name, target.declarations ?? []);
  }
const isExample = (name) => (exported.get(name.split('.')[0]) ?? []).flatMap(docstringsOf).some(hasExample);

const problems = [];
function report(node, name, problem) {
  const { fileName, text } = node.getSourceFile();
  const line = text.slice(0, node.getStart()).split('\n').length;
  problems.push(`${ts.sys.resolvePath(fileName).replace(`${process.cwd()}/`, '')}:${line}: ${name} ${problem}`);
}

function checkLength(node, name, docs) {
  for (const doc of docs) {
    const words = wordsOf(doc);
    if (process.argv.includes('--words')) console.log(`${String(words).padStart(4)} ${name}`);
    if (words > MAX_WORDS) report(node, name, `has a docstring of ${words} words, at most ${MAX_WORDS} are allowed`);
  }
}

function checkCallable(node, name, docs) {
  const seen = docs.flatMap((doc) => doc.match(/@see\b[^@]*/g) ?? []).flatMap((see) => see.match(/[A-Za-z_]\w*/g) ?? []);
  if (!docs.some(hasExample) && !seen.some(isExample)) report(node, name, 'has no example, and no `@see` to a docstring that has one');
}

function checkGuides(node, name, docs) {
  for (const guide of docs.flatMap((doc) => doc.match(/\bdocs\/[\w./-]+\.md\b/g) ?? []))
    if (!ts.sys.fileExists(guide)) report(node, name, `links to ${guide}, which does not exist`);
}

function checkFirstSentence(node, name, docs) {
  for (const doc of docs)
    if (!/^\s*[A-Z][a-z]+s\b/.test(doc)) report(node, name, `starts with "${doc.trim().split(/\s+/)[0]}", a third-person verb is needed`);
}

/** Names that need no docstring: private ones, internal ones, and discriminants such as `kind: 'data'`. */
const isHidden = (member) =>
  !member.name ||
  (member.type && ts.isLiteralTypeNode(member.type)) ||
  ts.isPrivateIdentifier(member.name) ||
  ts.getCombinedModifierFlags(member) & ts.ModifierFlags.NonPublicAccessibilityModifier ||
  ts.getJSDocTags(member).some((tag) => tag.tagName.text === 'internal');

/** The members of a class or interface. A setter shares the docstring of its getter, an implementation that of its overloads. */
function checkMembers(node, owner) {
  const documented = new Set(node.members.filter((member) => docstringsOf(member).length > 0).map((member) => member.name?.getText()));
  for (const member of node.members) {
    if (isHidden(member)) continue;
    const name = `${owner}.${member.name.getText()}`;
    const docs = docstringsOf(member);
    if (!documented.has(member.name.getText())) report(member, name, 'has no docstring');
    checkLength(member, name, docs);
    const isOption = ts.isInterfaceDeclaration(node) && owner.endsWith('Options') && member.questionToken;
    if (isOption && !docs.some((doc) => doc.includes('@default'))) report(member, name, 'has no `@default`');
  }
}

function heritageOf(node) {
  const types = (node.heritageClauses ?? []).flatMap((clause) => [...clause.types]);
  return types
    .flatMap((type) => checker.getTypeAtLocation(type).symbol?.declarations ?? [])
    .filter((base) => !base.getSourceFile().fileName.includes('node_modules'));
}

const checked = new Set();
function checkType(node, owner) {
  if (checked.has(node) || !(ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node))) return;
  checked.add(node);
  checkMembers(node, owner);
  for (const base of heritageOf(node)) checkType(base, base.name?.text ?? owner);
}

for (const [name, declarations] of exported) {
  const all = declarations.map((node) => ({ node, docs: docstringsOf(node) }));
  const docs = all.flatMap((each) => each.docs);
  const [first] = all;
  if (!first) continue;
  if (docs.length === 0) report(first.node, name, 'has no docstring');
  for (const each of all) checkLength(each.node, name, each.docs);
  checkGuides(first.node, name, docs);
  const isFunction = all.some(({ node }) => ts.isFunctionDeclaration(node));
  if (isFunction) checkFirstSentence(first.node, name, docs);
  if (docs.length > 0 && (isFunction || all.some(({ node }) => ts.isClassDeclaration(node)))) checkCallable(first.node, name, docs);
  for (const { node } of all) {
    checkType(node, name);
    // A value whose type is that of a class: `export const IOStream: {…} = Stream`.
    if (ts.isVariableDeclaration(node))
      for (const declaration of checker
        .getTypeAtLocation(node)
        .getConstructSignatures()
        .flatMap((made) => made.getReturnType().symbol?.declarations ?? []))
        checkType(declaration, name);
  }
}

problems.sort().forEach((problem) => console.log(problem));
console.log(
  problems.length === 0 ? `docstrings: ${exported.size} exported names are documented` : `docstrings: ${problems.length} problems`,
);
if (problems.length > 0) process.exitCode = 1;
