import { finalize, isObservable, noop, Observable, tap } from 'rxjs';
import { Admission, Refusal } from '../../layers/admission.ts';
import { checkAdmit, checkAdmitRules, type AdmitRules } from '../../layers/admit-rules.ts';
import { currentValue } from '../../util/current-value.ts';
import { endpointsOf } from '../../wire/endpoints.ts';
import type { LayerDetails, Plugin, Up } from '../../wire/signal.ts';

const CALLER = 'acceptProxyProtocol';

/**
 * Adds the rules of `admit` to a plugin that reports the client of a proxy. Judges the client when the plugin is connected, and counts
 * the connection until it ends. All connections of the plugin are counted together.
 *
 * @throws TypeError for invalid rules.
 */
export function admitClients<Facts>(plugin: Plugin<Facts>, admit: AdmitRules | Observable<AdmitRules>): Plugin<Facts> {
  const checked = checkAdmit(admit, CALLER);
  const admission = new Admission(isObservable(checked) ? undefined : checked);
  const refresh = isObservable(admit) ? currentRules(admission, admit) : noop;
  return (wire) => {
    const below = plugin(wire);
    return (dial) => (flow$) =>
      new Observable((up) => {
        let leave = noop;
        const enter = (details: readonly LayerDetails[]): void => {
          if (details[0]?.command === 'LOCAL') return; // A health check of the proxy: the specification requires to accept it.
          refresh();
          const { remoteAddress: address, remotePort: port } = endpointsOf(details);
          const entry = admission.enter(address, dial.scheduler.now());
          if (entry instanceof Refusal) throw entry.toError({ address, port }, { phase: 'handshake', layer: dial.layer });
          leave = () => entry.leave();
        };
        flow$
          .pipe(
            below(dial),
            tap<Up>((signal) => {
              if (signal.kind === 'connected') enter(signal.details);
            }),
            finalize(() => leave()),
          )
          .subscribe(up);
      });
  };
}

/** Returns a function that updates the rules. Checks them if they are another object than before. */
function currentRules(admission: Admission, rules$: Observable<AdmitRules>): () => void {
  let last: AdmitRules | undefined;
  return () => {
    const rules = currentValue(rules$);
    if (rules === last) return;
    admission.rules = rules && checkAdmitRules(rules, CALLER);
    last = rules;
  };
}
