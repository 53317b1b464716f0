import type { Observable, SchedulerLike } from 'rxjs';

/** What {@link directory} uses of an entry of a bucket. */
export interface DirectoryBucketEntry {
  /** The session. */
  readonly key: string;
  /** The stored bytes: JSON. */
  readonly value: Uint8Array;
  /** The revision of the entry. It only grows in a bucket. */
  readonly revision: number;
  /** `PUT`, or what has removed the entry. */
  readonly operation: string;
}

/** What {@link directory} uses of a bucket. The `KV` of `@nats-io/kv` is one. */
export interface DirectoryBucket {
  /** Reads an entry. */
  get(key: string): Promise<DirectoryBucketEntry | null>;
  /** Creates an entry. Rejects if it exists. */
  create(key: string, data: string): Promise<number>;
  /** Replaces an entry of this revision. Rejects if it has another. */
  update(key: string, data: string, revision: number, timeout?: number): Promise<number>;
  /** Removes an entry of this revision. Rejects if it has another. */
  delete(key: string, options?: { readonly previousSeq: number }): Promise<void>;
  /** Iterates over the entries, then over their changes. */
  watch(options?: { readonly key?: string }): Promise<AsyncIterable<DirectoryBucketEntry> & { stop(): void }>;
  /** Reads the configuration: `ttl` in milliseconds, 0 for none. */
  status(): Promise<{ readonly ttl: number }>;
}

/** The options of {@link directory}. */
export interface DirectoryOptions {
  /** Milliseconds after which an owner that has renewed nothing is no longer the owner. The same for all nodes. @default 15000 */
  readonly ttl?: number | undefined;
  /** Milliseconds between two renewals of a claim. @default a third of `ttl` */
  readonly heartbeat?: number | undefined;
  /** Runs the timers. @default real time */
  readonly scheduler?: SchedulerLike | undefined;
}

/** The options of {@link Directory.claim}. */
export interface ClaimOptions {
  /** The text that others read: such as the address of this node. @default '' */
  readonly value?: string | undefined;
  /**
   * What to do if another claim owns the session: fail with EBUSY; wait until it is released, or not renewed for `ttl`; take it at once.
   *
   * @default 'fail'
   */
  readonly whenOwned?: 'fail' | 'wait' | 'take' | undefined;
}

/** A session that this node owns. Emitted by {@link Directory.claim}. */
export interface Claim {
  /** The session. */
  readonly session: string;
  /** The fencing token: constant for this claim, and higher than that of every earlier one in the bucket. */
  readonly token: number;
  /** The revision of the entry. Each renewal raises it. */
  readonly revision: number;
  /** The text that others read. */
  readonly value: string;
  /**
   * Replaces the text that others read.
   *
   * @throws IOStreamError ESTALE, as a rejection, if the session is no longer owned.
   */
  update(value: string): Promise<void>;
  /** Removes the entry, and completes the Observable of the claim. Resolves when the broker has removed it, or `ttl` will. */
  release(): Promise<void>;
}

/** The owner of a session. */
export interface DirectoryEntry {
  /** The session. */
  readonly session: string;
  /** The text of its owner; undefined if it has none. */
  readonly value: string | undefined;
  /** The revision of the entry. */
  readonly revision: number;
}

/** Who owns which session. Made by {@link directory}. */
export interface Directory {
  /** Claims a session while subscribed. @see {@link directory} */
  readonly claim: (session: string, options?: ClaimOptions) => Observable<Claim>;
  /** Reads the owner of a session, from the broker. Resolves with undefined if it has none. */
  readonly owner: (session: string) => Promise<DirectoryEntry | undefined>;
  /**
   * Emits the owners, then their changes. Renewals are no change. An owner that has renewed nothing for `ttl` is emitted as removed.
   * A change that has been replaced before the broker sends it is skipped, unless the `history` of the bucket (1) keeps it.
   * Errors when the connection is closed. Holds one entry in memory for each owned session.
   *
   * @param session one session, or a pattern of the broker such as `user.*`. Default: all.
   */
  readonly watch: (session?: string) => Observable<DirectoryEntry>;
}
