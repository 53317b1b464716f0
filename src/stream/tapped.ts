import type { Lifetime } from './lifetime.ts';
import type { StreamSettings } from './settings.ts';

/** The connection that dials, and whose signals are published. */
export interface Tapped {
  readonly id: number;
  readonly io: object;
  readonly settings: StreamSettings;
  readonly lifetime: Lifetime;
  /** `hasWireEnded`: whether the wire has completed or failed. Signals that are sent to it then have no effect. */
  readonly inbound: { readonly hasWireEnded: boolean };
}
