/** The members that a stream uses of the handle at the bottom of the stack; present if it is a socket. */
export interface Handle {
  ref?(): void;
  unref?(): void;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  readonly localAddress?: string;
  readonly localPort?: number;
}

/** The handle of a stream that has none, or none yet. */
export const NO_HANDLE: Handle = /* @__PURE__ */ Object.freeze({});
