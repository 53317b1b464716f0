import type { Observer } from 'rxjs';
import { connectTo, direct, type DirectConnection, type FlowSource } from '../wire/direct.ts';
import { recordedError, recordedSignal, type RecordedSignal } from '../wire/recorded-signal.ts';
import type { Flow, Up, Wire } from '../wire/signal.ts';
import { endSignal, isTapping, publishSignal } from './signal-tap.ts';
import type { Tapped } from './tapped.ts';

/**
 * Publishes the signals at the wire below the plugins of a stream, if the channel has a subscriber at the dial.
 *
 * Otherwise returns the wire itself: TLS of Node on the socket itself needs it, and bytes pass without one more call. Without plugins
 * the stream publishes both of its lines.
 */
export function tappedWire(tapped: Tapped, wire: Wire): Wire {
  if (!isTapping() || !tapped.settings.hasPlugins) return wire;
  return (dial) => {
    const operator = wire(dial);
    return direct((up) => {
      const inbound = new WireTap(tapped, up);
      return new WireTapFlow(inbound, connectTo(operator, inbound));
    });
  };
}

/** Publishes the inbound signals of a wire, and passes them on. */
class WireTap implements Observer<Up> {
  readonly #tapped: Tapped;
  readonly #above: Observer<Up>;
  #hasEnded = false;

  constructor(tapped: Tapped, above: Observer<Up>) {
    this.#tapped = tapped;
    this.#above = above;
  }

  next(signal: Up): void {
    this.#publish('wire', recordedSignal(signal));
    this.#above.next(signal);
  }

  error(error: unknown): void {
    this.#end({ error });
    this.#above.error(error);
  }

  complete(): void {
    this.#end({});
    this.#above.complete();
  }

  /** Publishes an outbound signal, unless the wire has ended. */
  publishFlow(signal: RecordedSignal): void {
    if (!this.#hasEnded) this.#publish('to wire', signal);
  }

  #end(end: { readonly error?: unknown }): void {
    this.#publish('wire', endSignal(end));
    this.#hasEnded = true;
  }

  #publish(line: 'wire' | 'to wire', signal: RecordedSignal): void {
    if (isTapping()) publishSignal(this.#tapped, line, signal);
  }
}

/** Publishes the outbound signals of a wire, and passes them on. */
class WireTapFlow implements DirectConnection {
  readonly #tap: WireTap;
  readonly #below: DirectConnection;

  constructor(tap: WireTap, below: DirectConnection) {
    this.#tap = tap;
    this.#below = below;
  }

  start(source?: FlowSource): void {
    this.#below.start(source);
  }

  next(signal: Flow): void {
    this.#tap.publishFlow(signal);
    this.#below.next(signal);
  }

  error(error: unknown): void {
    this.#tap.publishFlow(recordedError(error));
    this.#below.error(error);
  }

  complete(): void {
    this.#tap.publishFlow({ kind: 'complete' });
    this.#below.complete();
  }

  unsubscribe(): void {
    this.#tap.publishFlow({ kind: 'unsubscribed' });
    this.#below.unsubscribe();
  }
}
