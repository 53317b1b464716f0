/** Zero bytes, shared by all. Not for messages of an application, which may transfer their buffer and so detach it. */
export const EMPTY_BYTES: Uint8Array<ArrayBuffer> = new Uint8Array(0);
