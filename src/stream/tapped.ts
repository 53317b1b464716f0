import type { Lifetime } from './lifetime.ts';
import type { StreamSettings } from './settings.ts';

/** The connection that dials, and whose signals are published. */
export interface Tapped {
  readonly id: number;
  readonly io: object;
  readonly settings: StreamSettings;
  readonly lifetime: Lifetime;
  /** Whether the wire has completed or failed: signals that are sent to it have no effect. */
  readonly hasWireEnded: boolean;
}
