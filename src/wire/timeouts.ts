import type { Timeouts } from './signal.ts';

/** The default timeouts, in milliseconds. */
export const TIMEOUTS: Timeouts = {
  resolve: 30_000,
  connect: 30_000,
  handshake: 30_000,
  establish: 60_000,
  write: 30_000,
  idle: Infinity,
  close: 3_000,
};
