/** The key under which RxJS and other libraries look for the Observable of an object (`Symbol.observable`, or its stand-in). */
export const SYMBOL_OBSERVABLE: symbol | string = (Symbol as { readonly observable?: symbol }).observable ?? '@@observable';
