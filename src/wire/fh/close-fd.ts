/** Closes a descriptor, then calls `done`. */
export type CloseFd = (done: (error?: Error | null) => void) => void;
