const TEXT = /* @__PURE__ */ new TextEncoder();

/** Encodes text in UTF-8. */
export function utf8(text: string): Uint8Array {
  return TEXT.encode(text);
}
