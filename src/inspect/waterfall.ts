import { errorFacts } from '../util/log-format.ts';
import { short } from './short.ts';

/** Number of phases kept of each connection. */
export const MAX_PHASES = 32;

/** A step of opening a connection. Times are ms since the dial. */
export interface Phase {
  readonly name: string;
  readonly start: number;
  end?: number;
  error?: string | undefined;
}

/** Keeps the phases of one connection, at most {@link MAX_PHASES}. */
export class Waterfall {
  readonly phases: Phase[] = [];
  readonly #dialled: number;

  /** @param dialled when the connection was dialled, on the clock of the other times. */
  constructor(dialled: number) {
    this.#dialled = dialled;
  }

  /** Starts a phase, or ends the last one of this name. */
  step(name: string, starts: boolean, now: number, error: unknown): void {
    const shown = short(name);
    const phase = starts ? undefined : this.phases.findLast((each) => each.name === shown && each.end === undefined);
    if (!phase) {
      this.add(name, now, starts ? undefined : now, error);
      return;
    }
    phase.end = now - this.#dialled;
    phase.error = error === undefined ? undefined : nameOf(error);
  }

  /** Adds a phase. */
  add(name: string, start: number, end: number | undefined, error: unknown): void {
    if (this.phases.length >= MAX_PHASES) return;
    const phase: Phase = { name: short(name), start: start - this.#dialled };
    if (end !== undefined) phase.end = end - this.#dialled;
    if (error !== undefined) phase.error = nameOf(error);
    this.phases.push(phase);
  }
}

/** The code of an error, or its message if it has none. */
function nameOf(error: unknown): string {
  const { code, message } = errorFacts(error);
  return short(code ?? message);
}
