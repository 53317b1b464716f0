/** Stops what flows up to the application while it asks for a pause. See `CiphertextQueue` and `NativeTlsEngine`. */
export interface TlsFlow {
  /** Called when the application pauses or resumes. */
  setPaused(isPaused: boolean): void;
  /** Lets the application pause from now on, and starts the flow. During the handshake the wire must flow. */
  open(): void;
}
