/** Returns the same memory as a `Uint8Array`, without a copy. A subclass such as Buffer, or the class of another frame, gives a view. */
export function plainView(bytes: ArrayBufferView): Uint8Array {
  return bytes.constructor === Uint8Array ? (bytes as Uint8Array) : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Returns the bytes of an ArrayBuffer or of a view, without a copy. Undefined for anything else. */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return plainView(value);
  return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined;
}
