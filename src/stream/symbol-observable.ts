/** The key by which RxJS and other libraries find the Observable of an object: `Symbol.observable`, or its fallback. */
export const SYMBOL_OBSERVABLE: symbol | string = /* @__PURE__ */ observableKey();

function observableKey(): symbol | string {
  return (Symbol as { readonly observable?: symbol }).observable ?? '@@observable';
}
