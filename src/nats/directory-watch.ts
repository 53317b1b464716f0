import { Observable, type Subscriber, type Subscription } from 'rxjs';
import { after } from '../util/timer.ts';
import { decodeClaim } from './directory-entry.ts';
import { watchEnded } from './directory-errors.ts';
import type { DirectoryPlan } from './directory-plan.ts';
import type { DirectoryBucketEntry, DirectoryEntry } from './directory-types.ts';

interface Owner {
  readonly claim: string;
  readonly value: string;
  readonly revision: number;
  /** When the last renewal was received, by the clock of this process. */
  readonly seenAt: number;
}

/** Emits the owners and their changes, without renewals. */
export function watchDirectory(plan: DirectoryPlan, key: string | undefined): Observable<DirectoryEntry> {
  return new Observable((out) => {
    const owners = new Owners(plan, out);
    let stop: (() => void) | undefined;
    const run = async (): Promise<void> => {
      const entries = await plan.bucket.watch(key === undefined ? {} : { key });
      stop = () => entries.stop();
      if (out.closed) stop();
      for await (const entry of entries) owners.apply(entry);
      out.error(watchEnded());
    };
    run().catch((error: unknown) => out.error(error));
    return () => {
      owners.stop();
      stop?.();
    };
  });
}

class Owners {
  readonly #plan: DirectoryPlan;
  readonly #out: Subscriber<DirectoryEntry>;
  readonly #owners = new Map<string, Owner>();
  #timer: Subscription | undefined;

  constructor(plan: DirectoryPlan, out: Subscriber<DirectoryEntry>) {
    this.#plan = plan;
    this.#out = out;
  }

  apply(entry: DirectoryBucketEntry): void {
    const { key: session, revision } = entry;
    const stored = decodeClaim(entry);
    const before = this.#owners.get(session);
    if (stored) {
      this.#owners.set(session, { ...stored, revision, seenAt: this.#plan.scheduler.now() });
      this.#timer ??= this.#sweepLater();
      if (before?.claim !== stored.claim || before.value !== stored.value) this.#out.next({ session, value: stored.value, revision });
    } else if (this.#owners.delete(session)) this.#out.next({ session, value: undefined, revision });
  }

  stop(): void {
    this.#timer?.unsubscribe();
  }

  /** The broker reports no entry that has expired. */
  #sweep(): void {
    const { ttl, scheduler } = this.#plan;
    const expiredAt = scheduler.now() - ttl;
    for (const [session, { seenAt, revision }] of this.#owners) {
      if (seenAt > expiredAt) continue;
      this.#owners.delete(session);
      this.#out.next({ session, value: undefined, revision });
    }
    this.#timer = this.#owners.size > 0 && !this.#out.closed ? this.#sweepLater() : undefined;
  }

  #sweepLater(): Subscription {
    const { heartbeat, scheduler } = this.#plan;
    return after(heartbeat, scheduler, () => this.#sweep(), { unref: true });
  }
}
