/** Defaults of accepted streams that differ from those of `IOStream`. `outBufLimit` limits a thousand slow clients to 1 GiB. */
export const ACCEPTED_DEFAULTS: { readonly outBufLimit: number; readonly allowHalfOpen: boolean } = {
  outBufLimit: 1024 * 1024,
  allowHalfOpen: false,
};
