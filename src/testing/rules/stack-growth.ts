/** V8's additions to `Error`. */
interface StackControl {
  stackTraceLimit?: number | undefined;
  prepareStackTrace?: ((error: Error, frames: readonly unknown[]) => unknown) | undefined;
}

/** Growth of the call stack, in frames, that shows that each chunk of a burst deepens it. */
const MAX_GROWTH = 200;
/** Measuring is slow: one of this many signals is measured. */
const SAMPLE_EVERY = 997;

/** Samples how much deeper the call stack becomes while signals of a kind arrive. */
export class StackGrowth {
  /** The greatest growth so far, in frames. */
  frames = 0;
  readonly #first = new Map<string, { readonly depth: number; count: number }>();

  /** Counts a signal. Call it from inside `next`. */
  sample(kind: string): void {
    const known = this.#first.get(kind);
    if (!known) {
      this.#first.set(kind, { depth: stackDepth(), count: 1 });
      return;
    }
    known.count += 1;
    if (known.count % SAMPLE_EVERY === 0) this.frames = Math.max(this.frames, stackDepth() - known.depth);
  }

  /** Describes a growth that recursion explains, if there is one. */
  problem(during: string): string | undefined {
    return this.frames > MAX_GROWTH ? `the call stack became ${this.frames} frames deeper during ${during}` : undefined;
  }
}

/** Returns the depth of the call stack, or 0 on engines other than V8. */
function stackDepth(): number {
  const control = Error as unknown as StackControl;
  const { stackTraceLimit, prepareStackTrace } = control;
  if (stackTraceLimit === undefined) return 0;
  control.stackTraceLimit = 20_000;
  control.prepareStackTrace = (_error, frames) => frames.length;
  const depth = new Error().stack as unknown;
  control.stackTraceLimit = stackTraceLimit;
  control.prepareStackTrace = prepareStackTrace;
  return typeof depth === 'number' ? depth : 0;
}
