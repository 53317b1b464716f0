import { EPROTOCOL, IOStreamError, type Phase } from '../errors.ts';
import { indexOfBytes } from '../util/index-of-bytes.ts';
import { ByteBuffer } from './byte-buffer.ts';
import { isNeed, notANeed, type BytesNeed, type Need, type Talk } from './need.ts';
import type { ByteSource } from './pending-read.ts';

/** Options of a {@link GeneratorRunner}. */
export interface GeneratorRunnerOptions {
  /** The phase of the errors. */
  readonly phase: Phase;
  /** The bytes that one generator may read, and the error for one that needs more. Default: no limit. */
  readonly limit?: { readonly bytes: number; readonly error: () => Error } | undefined;
  /** Called with the bytes that satisfy a need, just before the generator receives them. */
  readonly onRead?: ((bytes: Uint8Array) => void) | undefined;
}

/**
 * Runs a generator over bytes that arrive in chunks: resumes it when its need is satisfied. One generator at a time.
 *
 * ```text
 *   chunks ──append──▶ unread ──take──▶ generator ──▶ result: its next need, or what it returns
 * ```
 *
 * Takes linear time, however the bytes are split. A generator cannot catch the error of a limit that it exceeds.
 */
export class GeneratorRunner<T> implements ByteSource {
  /** The bytes that have arrived and have not been read. */
  readonly unread: ByteBuffer = new ByteBuffer();
  /** The number of bytes that the generator has read. Read only. */
  consumed = 0;
  /** Whether the generator is in the middle of a step. Read only. */
  isRunning = false;
  readonly #options: GeneratorRunnerOptions;
  #generator: Talk<T> | undefined;
  /** The need that is not satisfied yet. */
  #pending: IteratorYieldResult<Need> | undefined;
  /** The position up to which the unread bytes have been searched for the delimiter. */
  #searched = 0;
  /** The need that a read has tried in vain in this step. It is not tried again. */
  #missed: Need | undefined;
  #isStopped = false;

  constructor(options: GeneratorRunnerOptions) {
    this.#options = options;
  }

  /** The need of the generator that is not satisfied yet. */
  get need(): Need | undefined {
    return this.#pending?.value;
  }

  /** Runs a new generator to its first need that is not satisfied, or to its end. Throws what the generator throws. */
  start(generator: Talk<T>): IteratorResult<Need, T> {
    this.#generator = generator;
    this.consumed = 0;
    return this.#run('next');
  }

  /** Continues the generator if the bytes that it needs have arrived. */
  resume(): IteratorResult<Need, T> {
    return this.#run('resume');
  }

  /** Continues the generator with a value. */
  next(value: unknown): IteratorResult<Need, T> {
    return this.#run('next', value);
  }

  /** Throws an error into the generator, which may catch it and continue. */
  throw(error: unknown): IteratorResult<Need, T> {
    return this.#run('throw', error);
  }

  /** Runs the `finally` blocks of the generator: now, or after the current step if the generator itself caused the call. */
  return(): void {
    this.#isStopped = true;
    if (!this.isRunning) this.#generator?.return(undefined as T);
  }

  /** Called by a read. Returns undefined after {@link return}, too. */
  take(need: BytesNeed): Uint8Array | undefined {
    const length = this.#isStopped ? undefined : this.#available(need);
    if (length === undefined) {
      this.#missed = need;
      return undefined;
    }
    this.#searched = 0;
    this.consumed += length;
    const bytes = this.unread.take(length);
    if (length > 0) this.#options.onRead?.(bytes);
    return bytes;
  }

  #run(step: 'next' | 'throw' | 'resume', value?: unknown): IteratorResult<Need, T> {
    const generator = this.#generator;
    if (!generator) throw new TypeError('expected start() before the generator is continued');
    this.isRunning = true;
    try {
      this.#missed = undefined;
      let result: IteratorResult<Need, T> =
        (step === 'resume' ? this.#pending : undefined) ??
        (step === 'throw' ? generator.throw(value) : generator.next(value as Uint8Array));
      while (!result.done && !this.#isStopped) {
        if (isNeed(result.value)) {
          const bytes = this.#bytesFor(result.value);
          if (!bytes) return (this.#pending = result);
          result = generator.next(bytes);
        } else result = generator.throw(notANeed(result.value)); // The generator may catch the error and continue.
      }
      this.#pending = undefined;
      return result;
    } finally {
      this.isRunning = false;
      if (this.#isStopped) generator.return(undefined as T);
    }
  }

  #bytesFor(need: Need): Uint8Array | undefined {
    if ('wait' in need) return undefined;
    const bytes = need === this.#missed ? undefined : this.take(need);
    if (!bytes) this.#checkLimits(need);
    return bytes;
  }

  /** The number of bytes that the generator may still read. */
  get #room(): number {
    return (this.#options.limit?.bytes ?? Infinity) - this.consumed;
  }

  /** Returns how many bytes satisfy the need, or undefined if there are not enough yet. */
  #available(need: BytesNeed): number | undefined {
    const end = Math.min(this.unread.length, this.#room);
    if ('count' in need) return need.count <= end ? need.count : undefined;
    const { until, limit } = need;
    const to = Math.min(end, limit);
    const found = indexOfBytes(this.unread.view(), until, this.#searched, to);
    if (found >= 0) return found + until.length;
    this.#searched = Math.max(0, to - until.length + 1);
    return undefined;
  }

  /** Called if the need is not satisfied. Throws if further bytes cannot satisfy it within the limits. */
  #checkLimits(need: BytesNeed): void {
    const { phase, limit } = this.#options;
    const least = 'count' in need ? need.count : this.unread.length + 1;
    if ('limit' in need && need.limit <= this.#room && need.limit < least) {
      const message = `no delimiter within ${need.whole ?? need.limit} bytes, itself included`;
      throw new IOStreamError(EPROTOCOL, { phase, message });
    }
    if (limit && least > this.#room) throw limit.error();
  }
}
