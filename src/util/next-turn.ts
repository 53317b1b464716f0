// Captured at import: fake timers of a test (`vi.useFakeTimers()`, `mock.timers`) must not stop the bytes.

/** Calls `work` in the next turn of the event loop, in real time. */
export const nextTurn: (work: () => void) => void = /* @__PURE__ */ turnOfRuntime();

function turnOfRuntime(): (work: () => void) => void {
  return (globalThis as { readonly setImmediate?: (work: () => void) => unknown }).setImmediate ?? setTimeout;
}
