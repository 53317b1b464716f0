import type { DialProbe } from '../wire/dial-probe.ts';
import type { ClosedReport } from './report.ts';

/** The connection that a message is about. Nothing is published here: see `connection-diagnostics.ts` for Node. */
export interface Diagnosed {
  readonly id: number;
  readonly io: object;
}

// Empty functions, and not `noop`: a bundler drops calls of these.

export function publishDial(_connection: Diagnosed, _wasAccepted: boolean): void {}
export function probeOf(_connection: Diagnosed): DialProbe | undefined {
  return undefined;
}
export function publishConnected(_connection: Diagnosed): void {}
export function publishPaused(_connection: Diagnosed, _direction: 'in' | 'out', _isPaused: boolean): void {}
export function publishLimit(_connection: Diagnosed, _name: 'inBufLimit' | 'outBufLimit', _limit: number, _bytes: number): void {}
export function publishError(_connection: Diagnosed, _error: unknown, _fatal: boolean): void {}
export function publishClosed(_connection: Diagnosed, _report: ClosedReport | undefined): void {}
