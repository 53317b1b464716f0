import { noop } from 'rxjs';
import type { DialProbe } from '../wire/dial-probe.ts';
import type { ClosedReport } from './report.ts';

/** The connection that a message is about. Nothing is published here: see `connection-diagnostics.ts` for Node. */
export interface Diagnosed {
  readonly id: number;
  readonly io: object;
}

export const publishDial: (connection: Diagnosed, role: 'client' | 'server') => void = noop;
export const probeOf: (connection: Diagnosed) => DialProbe | undefined = noop as () => undefined;
export const publishConnected: (connection: Diagnosed) => void = noop;
export const publishPaused: (connection: Diagnosed, direction: 'in' | 'out', isPaused: boolean) => void = noop;
export const publishLimit: (connection: Diagnosed, name: 'inBufLimit' | 'outBufLimit', limit: number, bytes: number) => void = noop;
export const publishError: (connection: Diagnosed, error: unknown, fatal: boolean) => void = noop;
export const publishClosed: (connection: Diagnosed, report: ClosedReport | undefined) => void = noop;
