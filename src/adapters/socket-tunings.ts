/** The methods of a socket that set its options. Handles of other kinds lack them. */
export interface TunableHandle {
  setNoDelay?(noDelay: boolean): void;
  setKeepAlive?(enable: boolean, initialDelay: number): void;
}

/** Sets one option of a socket. */
export type Tuning = (handle: TunableHandle) => void;

/** The socket options that were set before there was a socket: the last one of each name. */
export class SocketTunings {
  readonly #tunings = new Map<string, Tuning>();

  add(name: string, tuning: Tuning): void {
    this.#tunings.set(name, tuning);
  }

  apply(handle: TunableHandle): void {
    for (const tune of this.#tunings.values()) tune(handle);
  }
}
