import type { DataSignal, Flow, Up } from '../../src/wire/signal.ts';

/** Joins the bytes of all data signals. */
export function bytesOfSignals(signals: readonly (Flow | Up)[]): Buffer {
  return Buffer.concat(signals.filter((signal): signal is DataSignal => signal.kind === 'data').map(({ bytes }) => bytes));
}
