import { Subject } from 'rxjs';
import type { DirectoryBucket, DirectoryBucketEntry } from '../../src/nats/directory-types.ts';

/** A bucket in memory that behaves as one of NATS. Its fields cause faults. */
export class MemoryKv implements DirectoryBucket {
  /** What `status()` reports. */
  ttl = 0;
  /** Called for each write before it is stored. Throws, or returns a promise, to refuse or delay it. */
  beforeWrite: (kind: 'create' | 'update' | 'delete', key: string) => unknown = () => undefined;
  /** Called for each write after it was stored, before it is acknowledged. */
  afterWrite: (kind: 'create' | 'update' | 'delete', key: string) => unknown = () => undefined;
  writes = 0;
  readonly #entries = new Map<string, DirectoryBucketEntry>();
  readonly #changes = new Subject<DirectoryBucketEntry>();
  #revision = 0;

  get(key: string): Promise<DirectoryBucketEntry | null> {
    return Promise.resolve(this.#entries.get(key) ?? null);
  }

  create(key: string, data: string): Promise<number> {
    const entry = this.#entries.get(key);
    return this.#put('create', key, data, entry?.operation === 'PUT' ? 0 : (entry?.revision ?? 0));
  }

  update(key: string, data: string, revision: number): Promise<number> {
    return this.#put('update', key, data, revision);
  }

  async delete(key: string, { previousSeq }: { readonly previousSeq?: number } = {}): Promise<void> {
    await this.beforeWrite('delete', key);
    this.#check(key, previousSeq ?? 0);
    this.#store({ key, value: new Uint8Array(), revision: ++this.#revision, operation: 'DEL' });
    await this.afterWrite('delete', key);
  }

  /** Removes an entry as `ttl` of a bucket does: without a trace. */
  expire(key: string): void {
    this.#entries.delete(key);
  }

  /** Stores any text, as another program would. */
  putRaw(key: string, text: string): void {
    this.#store({ key, value: new TextEncoder().encode(text), revision: ++this.#revision, operation: 'PUT' });
  }

  watch({ key }: { readonly key?: string } = {}): Promise<AsyncIterable<DirectoryBucketEntry> & { stop(): void }> {
    const queue = [...this.#entries.values()].filter((entry) => key === undefined || entry.key === key);
    let wake = (): void => {};
    let isStopped = false;
    const subscription = this.#changes.subscribe((entry) => {
      if (key === undefined || entry.key === key) queue.push(entry);
      wake();
    });
    const stop = (): void => {
      isStopped = true;
      subscription.unsubscribe();
      wake();
    };
    this.stopWatches = stop;
    async function* iterate(): AsyncGenerator<DirectoryBucketEntry> {
      while (!isStopped) {
        const entry = queue.shift();
        if (entry) yield entry;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    }
    return Promise.resolve(Object.assign(iterate(), { stop }));
  }

  /** Ends the last watch, as a closed connection does. */
  stopWatches: () => void = () => {};

  status(): Promise<{ readonly ttl: number }> {
    return Promise.resolve({ ttl: this.ttl });
  }

  async #put(kind: 'create' | 'update', key: string, data: string, revision: number): Promise<number> {
    await this.beforeWrite(kind, key);
    this.#check(key, revision);
    const stored = ++this.#revision;
    this.#store({ key, value: new TextEncoder().encode(data), revision: stored, operation: 'PUT' });
    await this.afterWrite(kind, key);
    return stored;
  }

  #check(key: string, revision: number): void {
    const actual = this.#entries.get(key)?.revision ?? 0;
    if (actual !== revision) throw Object.assign(new Error(`wrong last sequence: ${actual}`), { code: 10071 });
  }

  #store(entry: DirectoryBucketEntry): void {
    this.writes += 1;
    this.#entries.set(entry.key, entry);
    this.#changes.next(entry);
  }
}
