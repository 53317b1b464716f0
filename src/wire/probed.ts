import type { Observer, OperatorFunction } from 'rxjs';
import type { DialProbe } from './dial-probe.ts';
import { connectTo, direct } from './direct.ts';
import type { Dial, Flow, Up } from './signal.ts';

/** The layers on both sides of a boundary in a stack. Undefined: the wire below, or what is on top of the stack. */
interface Boundary {
  readonly below: string | undefined;
  readonly above: string | undefined;
}

/**
 * Reports to the probe of a dial when the layer below a boundary has connected or failed, and thus the layer above it starts.
 *
 * ```text
 *   above:  handshake 'start' ◀─┐
 *   ─────────────────────── connected
 *   below:  handshake 'done'  ◀─┘
 * ```
 *
 * Outbound signals do not pass here.
 */
export function probed(operator: OperatorFunction<Flow, Up>, { probe }: Dial, below?: string, above?: string): OperatorFunction<Flow, Up> {
  const isInStack = below !== undefined || above !== undefined;
  return probe && isInStack ? direct((up) => connectTo(operator, new BoundaryObserver(up, probe, { below, above }))) : operator;
}

/** Passes inbound signals, and reports the first `connected` and an error before it. */
class BoundaryObserver implements Observer<Up> {
  readonly #up: Observer<Up>;
  readonly #boundary: Boundary;
  /** Undefined after the layer below has connected. */
  #probe: DialProbe | undefined;

  constructor(up: Observer<Up>, probe: DialProbe, boundary: Boundary) {
    this.#up = up;
    this.#probe = probe;
    this.#boundary = boundary;
  }

  next(signal: Up): void {
    if (signal.kind === 'connected') this.#connected();
    this.#up.next(signal);
  }

  error(error: unknown): void {
    const { below } = this.#boundary;
    if (below !== undefined) this.#probe?.handshake(below, 'failed', error);
    this.#up.error(error);
  }

  complete(): void {
    this.#up.complete();
  }

  #connected(): void {
    const { below, above } = this.#boundary;
    const probe = this.#probe;
    this.#probe = undefined;
    if (below !== undefined) probe?.handshake(below, 'done');
    if (above !== undefined) probe?.handshake(above, 'start');
  }
}
