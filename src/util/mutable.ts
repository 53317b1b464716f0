/** A writable view of a readonly object that is not shared yet. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };
