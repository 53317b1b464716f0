const EVENTS = ['uncaughtException', 'unhandledRejection', 'warning'] as const;
type Listener = (...args: unknown[]) => void;

/**
 * Collects the uncaught exceptions, unhandled rejections and warnings of the process. The listeners of the runner are removed
 * meanwhile, so that the spec that caused an event fails.
 */
export class ProcessEvents {
  readonly seen: { event: (typeof EVENTS)[number]; error: unknown }[] = [];
  readonly #aside = new Map<string, Listener[]>();

  start(): void {
    for (const event of EVENTS) {
      this.#aside.set(event, process.listeners(event as 'warning') as Listener[]);
      process.removeAllListeners(event);
      (process as NodeJS.EventEmitter).on(event, (error: unknown) => this.seen.push({ event, error }));
    }
  }

  stop(): void {
    for (const event of EVENTS) {
      process.removeAllListeners(event);
      for (const listener of this.#aside.get(event) ?? []) (process as NodeJS.EventEmitter).on(event, listener);
    }
    this.#aside.clear();
  }
}
