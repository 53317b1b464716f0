/** Encodes text in UTF-8. One for all: a new one for each text takes longer. */
export const TEXT_ENCODER: InstanceType<typeof TextEncoder> = /* @__PURE__ */ new TextEncoder();

/** Encodes text in UTF-8. */
export function utf8(text: string): Uint8Array {
  return TEXT_ENCODER.encode(text);
}
