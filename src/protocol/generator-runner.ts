import { EPROTOCOL, IOStreamError, type Phase } from '../errors.ts';
import { ByteBuffer } from './byte-buffer.ts';
import { isNeed, notANeed, type BytesNeed, type Need, type Talk } from './need.ts';
import type { ByteSource } from './pending-read.ts';

/** Options of a {@link GeneratorRunner}. */
export interface GeneratorRunnerOptions {
  /** The phase of the errors. */
  readonly phase: Phase;
  /** The maximum number of bytes that one generator may read. Default: no limit. */
  readonly maxBytes?: number | undefined;
  /** Creates the error for a generator that needs more than `maxBytes`. */
  readonly overLimit?: (() => Error) | undefined;
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
  readonly #options: GeneratorRunnerOptions;
  readonly #maxBytes: number;
  #generator: Talk<T> | undefined;
  /** The need that is not satisfied yet. */
  #pending: IteratorYieldResult<Need> | undefined;
  /** The number of bytes that the generator has read. */
  #consumed = 0;
  /** The position up to which the unread bytes have been searched for the delimiter. */
  #searched = 0;
  /** The need that a read has tried in vain in this step. It is not tried again. */
  #missed: Need | undefined;
  #isRunning = false;
  #isStopped = false;

  constructor(options: GeneratorRunnerOptions) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? Infinity;
  }

  /** The need of the generator that is not satisfied yet. */
  get need(): Need | undefined {
    return this.#pending?.value;
  }

  /** The number of bytes that the generator has read. */
  get consumed(): number {
    return this.#consumed;
  }

  /** Whether the generator is in the middle of a step. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Runs a new generator to its first need that is not satisfied, or to its end. Throws what the generator throws. */
  start(generator: Talk<T>): IteratorResult<Need, T> {
    this.#generator = generator;
    this.#consumed = 0;
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
    if (!this.#isRunning) this.#generator?.return(undefined as T);
  }

  /** Called by a read. Returns undefined after {@link return}, too. */
  take(need: BytesNeed): Uint8Array | undefined {
    const length = this.#isStopped ? undefined : this.#available(need);
    if (length === undefined) {
      this.#missed = need;
      return undefined;
    }
    this.#searched = 0;
    this.#consumed += length;
    const bytes = this.unread.take(length);
    if (length > 0) this.#options.onRead?.(bytes);
    return bytes;
  }

  #run(step: 'next' | 'throw' | 'resume', value?: unknown): IteratorResult<Need, T> {
    const generator = this.#generator;
    if (!generator) throw new TypeError('expected start() before the generator is continued');
    this.#isRunning = true;
    try {
      const pending = step === 'resume' ? this.#pending : undefined;
      this.#missed = undefined;
      let result: IteratorResult<Need, T> =
        pending ?? this.#checked(generator, step === 'throw' ? generator.throw(value) : generator.next(value as Uint8Array));
      while (!result.done && !this.#isStopped) {
        const bytes = this.#bytesFor(result.value);
        if (!bytes) return (this.#pending = result);
        result = this.#checked(generator, generator.next(bytes));
      }
      this.#pending = undefined;
      return result;
    } finally {
      this.#isRunning = false;
      if (this.#isStopped) generator.return(undefined as T);
    }
  }

  /** Throws a yielded value that is not a need back into the generator, which may catch the error and continue. */
  #checked(generator: Talk<T>, first: IteratorResult<Need, T>): IteratorResult<Need, T> {
    let result = first;
    while (!result.done && !this.#isStopped && !isNeed(result.value)) result = generator.throw(notANeed(result.value));
    return result;
  }

  #bytesFor(need: Need): Uint8Array | undefined {
    if ('wait' in need) return undefined;
    const bytes = need === this.#missed ? undefined : this.take(need);
    if (!bytes) this.#checkLimits(need);
    return bytes;
  }

  /** Returns how many bytes satisfy the need, or undefined if there are not enough yet. */
  #available(need: BytesNeed): number | undefined {
    const { length } = this.unread;
    const room = this.#maxBytes - this.#consumed;
    if ('count' in need) return need.count <= length && need.count <= room ? need.count : undefined;
    const { until, limit } = need;
    const end = Math.min(length, limit, room);
    const found = this.unread.indexOf(until, this.#searched, end);
    if (found >= 0) return found + until.length;
    this.#searched = Math.max(0, end - until.length + 1);
    return undefined;
  }

  /** Called if the need is not satisfied. Throws if further bytes cannot satisfy it within the limits. */
  #checkLimits(need: BytesNeed): void {
    const room = this.#maxBytes - this.#consumed;
    const least = 'count' in need ? need.count : this.unread.length + 1;
    if ('limit' in need && need.limit <= room && need.limit < least) {
      const message = `no delimiter within ${need.whole ?? need.limit} bytes, itself included`;
      throw new IOStreamError(EPROTOCOL, { phase: this.#options.phase, message });
    }
    if (least > room) throw this.#options.overLimit?.() ?? new RangeError(`no end of the message within ${this.#maxBytes} bytes`);
  }
}
