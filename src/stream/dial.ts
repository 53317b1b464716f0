import type { OperatorFunction } from 'rxjs';
import type { Dial, Flow, Up } from '../wire/signal.ts';
import { stack } from '../wire/stack.ts';
import { baseWire } from './base-wire.ts';
import type { StreamOptions } from './options.ts';
import type { StreamSettings } from './settings.ts';

/**
 * Stacks the plugins of a stream on its wire, and dials.
 *
 * @param onTlsStart called with the name of each TLS layer that starts its handshake.
 * @returns the operator from outbound to inbound signals.
 * @throws TypeError for wrong arguments.
 */
export function dialStack(
  options: StreamOptions<never>,
  { plugin, timeouts, scheduler, allowHalfOpen }: StreamSettings,
  onTlsStart: (layer: string | undefined) => void,
): OperatorFunction<Flow, Up> {
  const { wire, to, guard } = baseWire(options);
  const dial: Dial = { to, timeouts, deadline: scheduler.now() + timeouts.establish, scheduler, guard, onTlsStart, allowHalfOpen };
  return stack(plugin, wire)(dial);
}
