import type { Socket } from 'node:net';
import { IS_ACCEPTED } from './is-accepted.ts';
import type { StreamOptions } from './options.ts';

/** The options of an accepted stream: its own `fh`, all others inherited from those of `listen`. */
export interface AcceptedOptions extends StreamOptions<never> {
  readonly fh: Socket;
  readonly [IS_ACCEPTED]: true;
}

/**
 * Prepares the options of accepted streams. They need no check: `listen` has checked its options, and Node has just created the
 * socket. Copying and checking both again for each connection took 10 % of its CPU.
 *
 * @param shared the checked options of `listen`.
 * @returns makes the options of one stream.
 */
export function acceptedOptions(shared: StreamOptions<never>): (fh: Socket) => AcceptedOptions {
  function Accepted(this: { fh: Socket }, fh: Socket): void {
    this.fh = fh;
  }
  Object.defineProperty(shared, IS_ACCEPTED, { value: true });
  Accepted.prototype = shared;
  const Constructor = Accepted as unknown as new (fh: Socket) => AcceptedOptions;
  return (fh) => new Constructor(fh);
}
