import type { OperatorFunction } from 'rxjs';
import type { Dial, Flow, Up } from '../wire/signal.ts';
import { stack } from '../wire/stack.ts';
import { baseWire } from './base-wire.ts';
import { probeOf } from './connection-diagnostics.ts';
import type { StreamOptions } from './options.ts';
import type { Tapped } from './tapped.ts';
import { tappedWire } from './wire-tap.ts';

/**
 * Stacks the plugins of a stream on its wire, and dials.
 *
 * @param onTlsStart called with the name of each TLS layer that starts its handshake.
 * @returns the operator from outbound to inbound signals.
 * @throws TypeError for wrong arguments.
 */
export function dialStack(
  options: StreamOptions<never>,
  connection: Tapped,
  onTlsStart: (layer: string | undefined) => void,
): OperatorFunction<Flow, Up> {
  const { id } = connection;
  const { plugin, timeouts, scheduler, allowHalfOpen } = connection.settings;
  const { wire, to, guard } = baseWire(options);
  const deadline = scheduler.now() + timeouts.establish;
  const dial: Dial = { to, timeouts, deadline, scheduler, guard, id, probe: probeOf(connection), onTlsStart, allowHalfOpen };
  return stack(plugin, tappedWire(connection, wire))(dial);
}
