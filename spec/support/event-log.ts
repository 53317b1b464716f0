import { eventNames, type EventMask, type IOStream, type IOStreamError } from 'rxjs-io-stream';
import type { Harness } from './harness.ts';

type Callback = (io: IOStream, mask: EventMask, error?: IOStreamError) => void;

/** A `cb` that records the names of its events and the codes of its errors: `['RESOLVED', 'CONNECTED', 'OUT|SENT', 'ECONNRESET']`. */
export class EventLog {
  readonly cb: Callback;
  readonly events: string[] = [];
  readonly errors: IOStreamError[] = [];
  readonly #waiting = new Set<() => void>();

  /** @param react called with each event, after it was recorded. */
  constructor(h: Harness, react: Callback = () => {}) {
    this.cb = h.cb<IOStream>((io, mask, error) => {
      const failed = error as IOStreamError | undefined;
      if (failed) this.errors.push(failed);
      this.events.push(failed ? failed.code : eventNames(mask).join('|'));
      try {
        react(io, mask, failed);
      } finally {
        for (const wake of this.#waiting) wake();
      }
    });
  }

  /** Resolves when an event or error of this name has been recorded `times` times in all. */
  async waitFor(name: string, times = 1): Promise<void> {
    while (this.count(name) < times) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** Returns how often an event or error of this name has been recorded. */
  count(name: string): number {
    return this.events.filter((entry) => entry.split('|').includes(name)).length;
  }

  /** The entries without consecutive repetitions. */
  get summary(): string {
    return this.events.filter((entry, at) => entry !== this.events[at - 1]).join(' ');
  }
}
