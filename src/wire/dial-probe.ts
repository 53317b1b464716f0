/** Follows the phases of one dial. A dial has a probe only if diagnostics are subscribed. */
export interface DialProbe {
  /** The lookup of a name has ended after `duration` ms, with its first address or an error. */
  resolved(host: string, outcome: { readonly ip: string } | { readonly error: unknown }, duration: number): void;
  /** An attempt to connect to one address has started, connected or failed. `port` is undefined for a path. */
  attempt(address: string, port: number | undefined, event: 'start' | 'connected' | 'failed', error?: unknown): void;
  /** The handshake of a layer has started, because the layer below is connected; or it is done, or has failed. */
  handshake(layer: string, event: 'start' | 'done' | 'failed', error?: unknown): void;
}
