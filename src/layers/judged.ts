import { defer, throwError, type OperatorFunction } from 'rxjs';
import type { IOStreamError } from '../errors.ts';
import { parseIp } from '../protocol/ip-address.ts';
import { hostInAscii } from '../util/host.ts';
import { judgeAddress, judgeName, judgePath } from '../wire/guard.ts';
import type { Dial, Flow, Target, Up } from '../wire/signal.ts';

/** Judges the target of a plugin that dials another address. At each subscription, errors with EBLOCKED before `operator` dials. */
export function judged({ guard, to }: Dial, operator: OperatorFunction<Flow, Up>): OperatorFunction<Flow, Up> {
  if (!guard || !to) return operator;
  const judge = (target: Target): IOStreamError | undefined => {
    if ('path' in target) return judgePath(guard, target.path);
    const { port } = target;
    const host = hostInAscii(target.host) || target.host; // As the proxy gets it.
    return parseIp(host) ? judgeAddress(guard, host, port, host) : judgeName(guard, host, port);
  };
  return (flow$) =>
    defer(() => {
      const blocked = judge(to);
      return blocked ? throwError(() => blocked) : flow$.pipe(operator);
    });
}
