/** Marks the options of accepted streams. */
export const IS_ACCEPTED: unique symbol = Symbol('rxjs-io-stream accepted');

/** Whether options were prepared by `acceptedOptions`: they need no check. */
export function isAccepted(options: unknown): boolean {
  return (options as { readonly [IS_ACCEPTED]?: boolean } | undefined | null)?.[IS_ACCEPTED] === true;
}
