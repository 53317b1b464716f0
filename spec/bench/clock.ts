import type { Outcome } from './row.ts';

/** Measures time, CPU and page faults from its construction, which is after the imports and the warm-up. */
export class Clock {
  readonly #usage: NodeJS.ResourceUsage = process.resourceUsage();
  readonly #start: number = performance.now();

  stop(units: number, extra: Readonly<Record<string, number>> = {}): Outcome {
    const seconds = (performance.now() - this.#start) / 1e3;
    const usage = process.resourceUsage();
    return {
      units,
      seconds,
      user: (usage.userCPUTime - this.#usage.userCPUTime) / 1e6,
      system: (usage.systemCPUTime - this.#usage.systemCPUTime) / 1e6,
      faults: usage.minorPageFault - this.#usage.minorPageFault,
      extra,
    };
  }
}
