import type { LaneSignal } from './lanes.ts';

/** The symbols of signals, as in the diagrams of `marbles`, and their names. Data and `sent` are drawn as shapes. */
export const SYMBOLS: Readonly<Partial<Record<LaneSignal['kind'], readonly [symbol: string, name: string]>>> = {
  resolved: ['R', 'resolved'],
  connected: ['C', 'connected'],
  pause: ['P', 'pause'],
  resume: ['U', 'resume'],
  end: ['E', 'end'],
  complete: ['|', 'complete'],
  error: ['#', 'error'],
  subscribed: ['^', 'subscribed'],
  unsubscribed: ['!', 'unsubscribed'],
};
