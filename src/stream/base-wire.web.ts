import type { Dial, Wire } from '../wire/signal.ts';
import type { StreamOptions } from './options.ts';

/** Returns the wire at the bottom of the stack, and its target. */
export function baseWire({ wire, host, port }: StreamOptions<never>): { readonly wire: Wire } & Pick<Dial, 'to' | 'guard'> {
  return host !== undefined && port !== undefined ? { wire, to: { host, port } } : { wire };
}
