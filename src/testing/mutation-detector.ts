import { sameBytes, show } from './bytes.ts';

/** Detects mutation: keeps chunks together with copies made when they passed. */
export class MutationDetector {
  readonly #tracked: { readonly bytes: Uint8Array; readonly copy: Uint8Array; readonly name: string }[] = [];

  /** @param name names the bytes in a message: a plural, such as `bytes written`. */
  track(bytes: Uint8Array, name: string): void {
    // Not `slice`: of a Buffer it returns a view.
    this.#tracked.push({ bytes, copy: new Uint8Array(bytes), name });
  }

  /** Describes the first chunk that was changed, if any. */
  changed(): string | undefined {
    const found = this.#tracked.find(({ bytes, copy }) => !sameBytes(bytes, copy));
    return found && `${found.name} were ${show(found.copy)} and became ${show(found.bytes)}`;
  }
}
