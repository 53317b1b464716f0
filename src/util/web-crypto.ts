interface WebCrypto {
  randomUUID(): string;
  getRandomValues(bytes: Uint8Array): Uint8Array;
}

/** Returns the global `crypto`. All runtimes have it, but the types of some do not declare it. */
export function webCrypto(): WebCrypto {
  return (globalThis as unknown as { readonly crypto: WebCrypto }).crypto;
}
