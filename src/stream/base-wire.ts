import { fromAccepted, fromFh } from '../wire/fh/fh.ts';
import type { Dial, Wire } from '../wire/signal.ts';
import { tcpWire } from '../wire/tcp.ts';
import { unix } from '../wire/unix.ts';
import type { AcceptedOptions } from './accepted-options.ts';
import { guardOf } from './guard-of.ts';
import { isAccepted } from './is-accepted.ts';
import type { StreamOptions } from './options.ts';

/** Returns the wire at the bottom of the stack, its target, and the guard of what it dials. */
export function baseWire(options: StreamOptions<never>): { readonly wire: Wire } & Pick<Dial, 'to' | 'guard'> {
  const { fh, host, port, path, wire } = options;
  if (isAccepted(options)) return { wire: fromAccepted((options as AcceptedOptions).fh) };
  if (fh !== undefined) return { wire: fromFh(fh) };
  if (wire !== undefined) return host !== undefined && port !== undefined ? { wire, to: { host, port } } : { wire };
  if (path !== undefined) return { wire: unix(), to: { path }, guard: guardOf(options.guard) };
  if (host !== undefined && port !== undefined) return { wire: tcpWire(options), to: { host, port }, guard: guardOf(options.guard) };
  throw new TypeError('expected fh, host with port, path or wire, got none'); // Unreachable: checkOptions throws first.
}
