import type { Observer, OperatorFunction } from 'rxjs';
import type { DialProbe } from './dial-probe.ts';
import { connectTo, direct } from './direct.ts';
import type { Dial, Flow, Plugin, Up } from './signal.ts';

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
 *
 * @param operator the layer below the boundary.
 * @param entries the plugins of the stack; the first is nearest the application.
 * @param index the position of the layer among them. Their number: it is the wire.
 */
export function probed(
  operator: OperatorFunction<Flow, Up>,
  { probe }: Dial,
  entries: readonly (readonly [name: string, plugin: Plugin])[],
  index: number,
): OperatorFunction<Flow, Up> {
  if (!probe || entries.length === 0) return operator;
  const boundary = { below: entries[index]?.[0], above: entries[index - 1]?.[0] };
  return direct((up) => connectTo(operator, new BoundaryObserver(up, probe, boundary)));
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
