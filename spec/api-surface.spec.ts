import ts from 'typescript';
import { expect, test } from 'vitest';

/** The doors, each with the one that its types may come from as well. */
const DOORS = [['src/index.ts'], ['src/testing.ts', 'src/index.ts']] as const;

const program = ts.createProgram(
  DOORS.map(([door]) => door),
  {
    ...ts.getParsedCommandLineOfConfigFile('tsconfig.json', {}, { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} })?.options,
    noEmit: true,
  },
);
const checker = program.getTypeChecker();

function exportsOf(door: string): ts.Symbol[] {
  const file = program.getSourceFile(door);
  const symbol = file && checker.getSymbolAtLocation(file);
  return symbol ? checker.getExportsOfModule(symbol).map(resolved) : [];
}

function resolved(symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

/** The types that a declaration names where a user sees them: not in bodies and initial values, nor in what is private or internal. */
function* namesIn(node: ts.Node): Generator<ts.Symbol> {
  if (ts.isBlock(node) || ts.isClassStaticBlockDeclaration(node) || ts.isHeritageClause(node) || isHidden(node)) return;
  if (ts.isVariableDeclaration(node)) {
    if (node.type) yield* namesIn(node.type);
    return;
  }
  if (ts.isIdentifier(node) && (ts.isTypeReferenceNode(node.parent) || ts.isTypeQueryNode(node.parent))) {
    const symbol = checker.getSymbolAtLocation(node);
    if (symbol) yield resolved(symbol);
  }
  for (const child of node.getChildren()) {
    const isValue = 'initializer' in node && node.initializer === child;
    if (!isValue) yield* namesIn(child);
  }
}

function isHidden(node: ts.Node): boolean {
  if (ts.isClassElement(node) && node.name && ts.isPrivateIdentifier(node.name)) return true;
  if (!ts.isClassElement(node) && !ts.isTypeElement(node)) return false;
  return ts.getJSDocTags(node).some(({ tagName }) => ['internal', 'private'].includes(tagName.text));
}

function isOurs(symbol: ts.Symbol): boolean {
  return (symbol.declarations ?? []).some(
    (each) => /\/src\/[^:]*\.ts$/.test(each.getSourceFile().fileName) && !ts.isTypeParameterDeclaration(each),
  );
}

/** Whether the file that declares it exports it. */
function isExported(symbol: ts.Symbol): boolean {
  return (symbol.declarations ?? []).some((each) => ts.getCombinedModifierFlags(each) & ts.ModifierFlags.Export);
}

test.each(DOORS.map((doors) => ({ door: doors[0], doors })))('$door exports every type that its signatures name', ({ door, doors }) => {
  const exported = new Set(doors.flatMap(exportsOf));
  const missing = new Set<string>();
  const seen = new Set<ts.Symbol>();
  const look = (symbol: ts.Symbol, user: string): void => {
    if (seen.has(symbol)) return;
    seen.add(symbol);
    for (const declaration of symbol.declarations ?? [])
      for (const named of namesIn(declaration)) {
        if (!isOurs(named) || exported.has(named)) continue;
        // What stands behind an exported alias needs no name of its own; what it names, does.
        if (symbol.flags & ts.SymbolFlags.TypeAlias && !isExported(named)) look(named, user);
        else missing.add(`${named.name}, named by ${user}`);
      }
  };
  for (const symbol of exportsOf(door)) look(symbol, symbol.name);
  expect(exported.size).toBeGreaterThan(20);
  expect([...missing].sort()).toEqual([]);
});
