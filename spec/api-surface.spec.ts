import ts from 'typescript';
import { expect, test } from 'vitest';

/** The entry points, each with those that may export its types. */
const ENTRIES = [
  ['src/index.ts'],
  ['src/testing.ts', 'src/index.ts'],
  ['src/inspect.ts', 'src/index.ts'],
  ['src/opentelemetry.ts', 'src/index.ts'],
  ['src/nats.ts', 'src/index.ts'],
] as const;

const program = ts.createProgram(
  ENTRIES.map(([entry]) => entry),
  {
    ...ts.getParsedCommandLineOfConfigFile('tsconfig.json', {}, { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} })?.options,
    noEmit: true,
  },
);
const checker = program.getTypeChecker();

function exportsOf(entry: string): ts.Symbol[] {
  const file = program.getSourceFile(entry);
  const symbol = file && checker.getSymbolAtLocation(file);
  return symbol ? checker.getExportsOfModule(symbol).map(resolved) : [];
}

function resolved(symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

/** The types that the visible part of a declaration names: no bodies, no initial values, nothing private or internal. */
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
    (each) => /^(?!.*node_modules).*\/src\/[^:]*\.ts$/.test(each.getSourceFile().fileName) && !ts.isTypeParameterDeclaration(each),
  );
}

/** Whether the file that declares the symbol exports it. */
function isExported(symbol: ts.Symbol): boolean {
  return (symbol.declarations ?? []).some((each) => ts.getCombinedModifierFlags(each) & ts.ModifierFlags.Export);
}

test.each(ENTRIES.map((entries) => ({ entry: entries[0], entries })))(
  '$entry exports every type that its signatures name',
  ({ entry, entries }) => {
    const exported = new Set(entries.flatMap(exportsOf));
    const missing = new Set<string>();
    const seen = new Set<ts.Symbol>();
    const visit = (symbol: ts.Symbol, user: string): void => {
      if (seen.has(symbol)) return;
      seen.add(symbol);
      for (const declaration of symbol.declarations ?? [])
        for (const named of namesIn(declaration)) {
          if (!isOurs(named) || exported.has(named)) continue;
          // The type behind an exported alias needs no export. The types that it names do.
          if (symbol.flags & ts.SymbolFlags.TypeAlias && !isExported(named)) visit(named, user);
          else missing.add(`${named.name}, named by ${user}`);
        }
    };
    for (const symbol of exportsOf(entry)) visit(symbol, symbol.name);
    expect(exported.size).toBeGreaterThan(20);
    expect([...missing].sort()).toEqual([]);
  },
);
