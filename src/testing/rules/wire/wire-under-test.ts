import type { Dial, Wire } from '../../../wire/signal.ts';
import type { Peer } from '../wire-peer.ts';

/** A new wire to check, and access to its other end. */
export interface WireUnderTest {
  /** The wire to check. */
  readonly wire: Wire;
  /** A complete dial, as made by `testDial`. The check replaces its scheduler and timeouts in some cases. */
  readonly dial: Dial;
  /** Returns the other end of the latest connection, when it exists. Called after each subscription. */
  peer(): Peer | Promise<Peer>;
  /** Returns the number of connections that the other end has seen. If given, rule 1 also checks that nothing is dialled too early. */
  dialled?(): number;
  /** Frees what `make` opened, for example a listener. */
  free?(): void | Promise<void>;
}
