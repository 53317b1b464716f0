import type { Plugin, Target, Timeouts } from '../../../wire/signal.ts';
import type { Findings } from '../findings.ts';
import type { RechunkerOptions } from './rechunker.ts';

/** The values that all runs of one check share. */
export interface PluginSetup {
  readonly plugin: Plugin;
  readonly peer: Plugin;
  /** Whether the peer is a script, after which bytes pass unchanged. */
  readonly isScripted: boolean;
  readonly to: Target;
  readonly time: 'virtual' | 'real';
  readonly timeout: number;
  readonly settleTurns: number;
  readonly findings: Findings;
}

/** The values of one run. */
export interface PluginRunOptions extends RechunkerOptions {
  /** Describes what the application does. */
  readonly input: string;
  readonly timeouts?: Partial<Timeouts> | undefined;
  readonly deadline?: number | undefined;
}
