export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

/** Formats bytes for a message: in hex, shortened to the length and the first 24 bytes. */
export function show(bytes: Uint8Array): string {
  const hex = [...bytes.subarray(0, 24)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  if (bytes.length === 0) return 'no bytes';
  return bytes.length > 24 ? `${bytes.length} bytes (${hex} …)` : `<${hex}>`;
}

/** Returns test bytes in which neighbours differ, starting at `start`. */
export function pattern(length: number, start = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) bytes[at] = start + at * 7 + (at >> 8);
  return bytes;
}

/** Detects mutation: keeps chunks together with copies made when they passed. */
export class MutationDetector {
  readonly #kept: { readonly bytes: Uint8Array; readonly copy: Uint8Array; readonly where: string }[] = [];

  see(bytes: Uint8Array, where: string): void {
    // Not `slice`: of a Buffer it returns a view.
    this.#kept.push({ bytes, copy: new Uint8Array(bytes), where });
  }

  /** Describes the first chunk that was changed, if any. */
  changed(): string | undefined {
    const found = this.#kept.find(({ bytes, copy }) => !sameBytes(bytes, copy));
    return found && `${found.where} were ${show(found.copy)} and became ${show(found.bytes)}`;
  }
}
