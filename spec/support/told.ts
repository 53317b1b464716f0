import { eventNames, type EventMask, type IOStream, type IOStreamError } from 'rxjs-io-stream';
import type { Harness } from './harness.ts';

type Reaction = (io: IOStream, mask: EventMask, error?: IOStreamError) => void;

/** A `cb` that keeps the story it was told in words: `['RESOLVED', 'CONNECTED', 'OUT|SENT', 'ECONNRESET']`. */
export class EventLog {
  readonly cb: Reaction;
  readonly story: string[] = [];
  readonly errors: IOStreamError[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(h: Harness, react: Reaction = () => {}) {
    this.cb = h.cb<IOStream>((io, mask, error) => {
      const failed = error as IOStreamError | undefined;
      if (failed) this.errors.push(failed);
      this.story.push(failed ? failed.code : eventNames(mask).join('|'));
      try {
        react(io, mask, failed);
      } finally {
        for (const wake of this.#waiting) wake();
      }
    });
  }

  /** Resolves when an event or error of this name was told, so many times in all. */
  async saw(name: string, times = 1): Promise<void> {
    while (this.count(name) < times) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  count(name: string): number {
    return this.story.filter((told) => told.split('|').includes(name)).length;
  }

  /** The story without repetitions in a row. */
  get gist(): string {
    return this.story.filter((told, at) => told !== this.story[at - 1]).join(' ');
  }
}

/** Puts a stream under the rules of the harness; it is gone at the end of the spec. */
export function kept<S extends IOStream>(h: Harness, io: S): S {
  h.watch(io);
  h.defer(() => io.reset());
  return io;
}
