// Hides what only Node has from the sources. Specs and tools may use it.

/** Hides a global from code below src/. */
function hide(name: 'Buffer' | 'process'): void {
  const value = globalThis[name];
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get() {
      const caller = new Error().stack?.split('\n')[2] ?? '';
      if (/\/src\/[^:]*\.ts/.test(caller) && !caller.includes('node_modules')) throw new ReferenceError(`${name} is not defined`);
      return value;
    },
  });
}

hide('Buffer');
