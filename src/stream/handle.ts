/** What a handle at the bottom can tell and be told, if it is a socket. */
export interface Handle {
  ref?(): void;
  unref?(): void;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  readonly localAddress?: string;
  readonly localPort?: number;
}

/** There is no handle yet, or none at all. */
export const NO_HANDLE: Handle = Object.freeze({});
