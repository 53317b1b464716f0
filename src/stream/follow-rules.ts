import type { Observable, Subscription } from 'rxjs';
import type { Admission } from '../layers/admission.ts';
import { checkAdmitRules, type AdmitRules } from '../layers/admit-rules.ts';

/** Subscribes to the rules of a server. Reports an invalid value and an error; the last valid rules stay. */
export function followRules(admission: Admission, rules$: Observable<AdmitRules>, report: (error: unknown) => void): Subscription {
  return rules$.subscribe({
    next: (rules) => {
      try {
        admission.rules = checkAdmitRules(rules, 'listen');
      } catch (error) {
        report(error);
      }
    },
    error: report,
  });
}
