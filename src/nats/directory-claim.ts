import type { Subscriber, Subscription } from 'rxjs';
import type { IOStreamError } from '../errors.ts';
import { after } from '../util/timer.ts';
import { webCrypto } from '../util/web-crypto.ts';
import { decodeClaim, encodeClaim } from './directory-entry.ts';
import {
  bucketExpiresEarlier,
  claimExpired,
  claimReleased,
  claimTaken,
  isRefusal,
  isUnreachable,
  ownedByOther,
} from './directory-errors.ts';
import { publishLost, publishOwned } from './nats-diagnostics.ts';
import { planClaim, type DirectoryPlan } from './directory-plan.ts';
import type { Claim, ClaimOptions } from './directory-types.ts';

/** One subscription of `claim`: acquires the session, renews the entry, and notices its loss. */
export class SessionClaim implements Claim {
  readonly session: string;
  token = 0;
  revision = 0;
  value: string;
  readonly #plan: DirectoryPlan;
  readonly #out: Subscriber<Claim>;
  readonly #id: string = webCrypto().randomUUID();
  readonly #whenOwned: 'fail' | 'wait' | 'take';
  #timer: Subscription | undefined;
  #deadline: Subscription | undefined;
  /** Writes are sent one after the other: each needs the revision of the last. */
  #lastWrite: Promise<unknown> = Promise.resolve();
  /** When the first write was started that is neither confirmed nor refused: others may count `ttl` from then. */
  #unconfirmedSince: number | undefined;
  #wake: (() => void) | undefined;
  #end: IOStreamError | undefined;

  constructor(session: string, options: ClaimOptions, plan: DirectoryPlan, out: Subscriber<Claim>) {
    const { value, whenOwned } = planClaim(options);
    this.session = session;
    this.value = value;
    this.#whenOwned = whenOwned;
    this.#plan = plan;
    this.#out = out;
  }

  /** Emits this claim when the session is owned. Errors if it cannot be. */
  async acquire(): Promise<void> {
    const { bucket, ttl, scheduler } = this.#plan;
    try {
      const { ttl: bucketTtl } = await bucket.status();
      if (bucketTtl > 0 && bucketTtl < ttl) throw bucketExpiresEarlier(bucketTtl, this.#plan);
      const startedAt = await this.#becomeOwner();
      if (startedAt === undefined) return;
      this.token = this.revision;
      if (this.#out.closed) await this.#remove();
      else if (scheduler.now() - startedAt >= ttl) this.#lose(claimExpired(this.session, this.token, this.#plan));
      else {
        this.#confirmed(startedAt);
        publishOwned(this);
        this.#out.next(this);
      }
    } catch (error) {
      this.#out.error(error);
    }
  }

  update(value: string): Promise<void> {
    if (typeof value !== 'string') throw new TypeError(`expected update to get a string, got a ${typeof value}`);
    return this.#inTurn(async () => {
      this.#checkOwned();
      const before = this.value;
      this.value = value;
      try {
        await this.#renew();
      } catch (error) {
        this.value = before;
        throw error;
      }
      this.#checkOwned();
    });
  }

  async release(): Promise<void> {
    await this.stop();
    this.#out.complete();
  }

  /** Stops renewing, and removes the entry after the write that is in flight. */
  stop(): Promise<unknown> {
    this.#wake?.();
    this.#timer?.unsubscribe();
    this.#deadline?.unsubscribe();
    if (this.#end || this.token === 0) return this.#lastWrite;
    this.#end = claimReleased(this.session, this.token);
    return this.#inTurn(() => this.#remove());
  }

  #checkOwned(): void {
    if (this.#end) throw this.#end;
  }

  /** Returns when the write was started that has made this claim the owner; undefined if it was unsubscribed before. */
  async #becomeOwner(): Promise<number | undefined> {
    const { ttl, heartbeat, scheduler } = this.#plan;
    /** The revision of the other owner, and since when it has not changed, by the clock of this process. */
    const seen = { revision: 0, since: 0 };
    while (!this.#out.closed) {
      let pause = heartbeat;
      try {
        const startedAt = await this.#attempt(seen);
        if (startedAt !== undefined) return startedAt;
        if (seen.revision > 0) pause = Math.min(heartbeat, seen.since + ttl - scheduler.now());
      } catch (error) {
        if (this.#whenOwned !== 'wait' || !isUnreachable(error)) throw error;
      }
      await this.#sleep(pause);
    }
    return undefined;
  }

  /** @param owner the claim from which the session was to be taken, if the broker has refused that. */
  async #attempt(seen: { revision: number; since: number }, owner?: string): Promise<number | undefined> {
    const { ttl, scheduler } = this.#plan;
    const createdAt = await this.#write(0);
    if (createdAt !== undefined) return createdAt;
    const entry = await this.#read();
    if (!entry) return this.#out.closed ? undefined : this.#attempt(seen, owner); // Released between the two requests.
    const isFaster = owner !== undefined && entry.claim !== owner;
    if (this.#whenOwned === 'fail' || isFaster) throw ownedByOther(this.session, entry.revision);
    if (entry.revision !== seen.revision) Object.assign(seen, { revision: entry.revision, since: scheduler.now() });
    if (this.#whenOwned === 'wait' && scheduler.now() - seen.since < ttl) return undefined;
    const takenAt = await this.#write(entry.revision);
    if (takenAt !== undefined || this.#whenOwned === 'wait') return takenAt;
    return this.#out.closed ? undefined : this.#attempt(seen, entry.claim); // Renewed, released or taken between the two requests.
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#timer = after(ms, this.#plan.scheduler, resolve);
    });
  }

  /**
   * Creates the entry (revision 0) or replaces that of `revision`. Returns a time before it was stored; undefined if the broker has
   * refused.
   */
  async #write(revision: number): Promise<number | undefined> {
    const { bucket, heartbeat, scheduler } = this.#plan;
    const { session, value } = this;
    const text = encodeClaim({ claim: this.#id, value });
    const startedAt = scheduler.now();
    const since = (this.#unconfirmedSince ??= startedAt);
    try {
      this.revision = await (revision === 0 ? bucket.create(session, text) : bucket.update(session, text, revision, heartbeat));
      this.#unconfirmedSince = undefined;
      return startedAt;
    } catch (error) {
      // A write whose acknowledgement was lost is stored, and a repetition is refused.
      const entry = await this.#read();
      if (entry?.claim === this.#id && entry.value === value && entry.revision > revision) {
        this.revision = entry.revision;
        this.#unconfirmedSince = undefined;
        return since; // Perhaps an earlier write has stored it.
      }
      if (isRefusal(error)) {
        if (entry?.claim !== this.#id) {
          this.#unconfirmedSince = undefined;
          return undefined;
        }
        this.revision = entry.revision; // An earlier write of this claim, stored late. The next write replaces it.
      }
      throw error;
    }
  }

  async #read(): Promise<{ readonly claim: string; readonly value: string; readonly revision: number } | undefined> {
    const entry = await this.#plan.bucket.get(this.session);
    const stored = entry && decodeClaim(entry);
    return stored ? { ...stored, revision: entry.revision } : undefined;
  }

  async #renew(): Promise<void> {
    const startedAt = await this.#write(this.revision);
    if (startedAt === undefined) this.#lose(claimTaken(this.session, this.token));
    else if (!this.#end) this.#confirmed(startedAt);
  }

  /** The owner counts from before the write, others from after it: the owner is the first to regard the claim as expired. */
  #confirmed(startedAt: number): void {
    const { ttl, heartbeat, scheduler } = this.#plan;
    const remaining = startedAt + ttl - scheduler.now();
    this.#deadline?.unsubscribe();
    this.#deadline = after(remaining, scheduler, () => this.#lose(claimExpired(this.session, this.token, this.#plan)));
    this.#scheduleRenewal(startedAt + heartbeat - scheduler.now());
  }

  #scheduleRenewal(ms: number): void {
    this.#timer?.unsubscribe();
    this.#timer = after(ms, this.#plan.scheduler, () => {
      // An error is no loss: the broker may not be reachable. The next attempt follows at once if the deadline is near.
      void this.#inTurn(() => (this.#end ? undefined : this.#renew())).catch(() => {
        if (!this.#end) this.#scheduleRenewal(this.#plan.heartbeat / 4);
      });
    });
  }

  #lose(error: IOStreamError): void {
    if (this.#end) return;
    this.#end = error;
    publishLost(this, error);
    this.#timer?.unsubscribe();
    this.#deadline?.unsubscribe();
    this.#out.error(error);
  }

  /** Ignores errors: another owner's entry is refused, and the rest expires. */
  async #remove(): Promise<void> {
    await this.#plan.bucket.delete(this.session, { previousSeq: this.revision }).catch(() => {});
  }

  #inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.#lastWrite.then(work);
    this.#lastWrite = result.catch(() => {});
    return result;
  }
}
