import type { LayerContext } from '../../wire/layer.ts';
import { END, PAUSE, RESUME } from '../../wire/signal.ts';

/** Takes the outbound signals of the application. See `TlsWriter` and {@link NativeTlsOutput}. */
export interface TlsOutput {
  /** Whether the application has ended its side. */
  readonly isEnding: boolean;
  write(bytes: Uint8Array): void;
  /** Ends with close_notify after the written bytes. */
  end(): void;
  /** Called when the wire below pauses or resumes. */
  setPaused(isPaused: boolean): void;
  /** Called when the wire below has sent bytes. */
  sent(bytes: number): void;
}

/** The output of a connection whose wire writes to the TLS socket itself: passes plaintext on. */
export class NativeTlsOutput implements TlsOutput {
  readonly #ports: LayerContext;
  isEnding = false;

  constructor(ports: LayerContext) {
    this.#ports = ports;
  }

  write(bytes: Uint8Array): void {
    this.#ports.down.next({ kind: 'data', bytes });
  }

  end(): void {
    this.isEnding = true;
    this.#ports.down.next(END);
  }

  setPaused(isPaused: boolean): void {
    this.#ports.up.next(isPaused ? PAUSE : RESUME);
  }

  sent(bytes: number): void {
    this.#ports.up.next({ kind: 'sent', bytes });
  }
}
