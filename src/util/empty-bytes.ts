/** Zero bytes. Shared, because an empty array cannot be changed. */
export const EMPTY_BYTES: Uint8Array<ArrayBuffer> = new Uint8Array(0);
