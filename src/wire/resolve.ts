import { defer, Observable, of, tap, type MonoTypeOperatorFunction, type SchedulerLike } from 'rxjs';
import { EDNS, IOStreamError } from '../errors.ts';
import { ipFamily } from '../protocol/ip-address.ts';
import { within } from './deadline.ts';
import type { DialProbe } from './dial-probe.ts';
import type { Lookup, LookupAddress } from './lookup.ts';
import type { Dial } from './signal.ts';
import { systemLookup } from './system-lookup.ts';

export type { Lookup, LookupAddress };

/** Options for resolving names. */
export interface ResolveOptions {
  /** Called instead of `dns.lookup`. @default dns.lookup */
  readonly lookup?: Lookup | undefined;
  /** 4 or 6 selects addresses of this family only. @default 0, both */
  readonly family?: 0 | 4 | 6 | undefined;
}

/**
 * Finds all addresses of a host, with the families interleaved (RFC 8305, section 4). Emits a literal address without a lookup.
 * Errors with EDNS if there is no address. After unsubscribing, the answer is ignored: Node cannot cancel a lookup.
 */
export function resolve(host: string, { lookup = systemLookup, family = 0 }: ResolveOptions): Observable<LookupAddress[]> {
  const literal = ipFamily(host);
  if (literal) return of([{ address: host, family: literal }]);
  return new Observable((found) => {
    const fail = (cause: unknown, reason: string): void => {
      const message = `no address for '${host}': ${reason}`;
      found.error(new IOStreamError(EDNS, { phase: 'resolve', message, cause }));
    };
    try {
      lookup(host, { all: true, family, verbatim: true }, (error, answer) => {
        if (error) {
          fail(error, error.code ?? error.message);
          return;
        }
        const usable = addressesOf(answer).filter((each) => family === 0 || each.family === family);
        if (usable.length === 0) {
          const none = `the lookup returned none${family ? ` of family ${family}` : ''}`;
          fail(Object.assign(new Error(none), { code: 'ENODATA' }), none);
          return;
        }
        found.next(interleave(usable));
        found.complete();
      });
    } catch (error) {
      fail(error, 'the lookup function threw');
    }
  });
}

/** Calls {@link resolve}. Errors with EDNS after `timeouts.resolve`, or at the dial's deadline if that is earlier. */
export function resolveInTime(host: string, dial: Dial, options: ResolveOptions): Observable<LookupAddress[]> {
  const addresses$ = within(resolve(host, options), dial.timeouts.resolve, dial, (ms) => {
    const message = `no address for '${host}': the lookup has not answered within ${ms} ms`;
    return new IOStreamError(EDNS, {
      phase: 'resolve',
      message,
      cause: Object.assign(new Error('no answer in time'), { code: 'ETIMEOUT' }),
    });
  });
  const { probe } = dial;
  return probe ? addresses$.pipe(reportTo(probe, host, dial.scheduler)) : addresses$;
}

/** Reports the first address, or the error, and how long the lookup took. */
function reportTo(probe: DialProbe, host: string, scheduler: SchedulerLike): MonoTypeOperatorFunction<LookupAddress[]> {
  return (addresses$) =>
    defer(() => {
      const start = scheduler.now();
      return addresses$.pipe(
        tap({
          next: ([first]) => probe.resolved(host, { ip: first?.address ?? '' }, scheduler.now() - start),
          error: (error: unknown) => probe.resolved(host, { error }, scheduler.now() - start),
        }),
      );
    });
}

/** Reads the answer of a lookup function: one address or a list. Skips invalid addresses. */
function addressesOf(answer: unknown): LookupAddress[] {
  return (Array.isArray(answer) ? answer : [answer]).flatMap((each: unknown) => {
    const address = typeof each === 'string' ? each : String((each as Partial<LookupAddress> | null | undefined)?.address);
    const family = ipFamily(address);
    return family ? [{ address, family }] : [];
  });
}

/** Alternates the families, starting with that of the first address. */
function interleave(addresses: readonly LookupAddress[]): LookupAddress[] {
  const first = addresses.filter((each) => each.family === addresses[0]?.family);
  const second = addresses.filter((each) => each.family !== addresses[0]?.family);
  return addresses.map((_, turn) => [first, second][turn % 2]?.shift() ?? first.shift() ?? second.shift()) as LookupAddress[];
}
