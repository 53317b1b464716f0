import { anyToJson } from '../util/print-error.ts';
import type { ClosedReport as Facts } from './report.ts';

/** The report as it is emitted: prints with its name, and `JSON.stringify` shows an error of any origin. */
export class ClosedReport implements Facts {
  declare readonly by: Facts['by'];
  declare readonly error?: unknown;
  declare readonly facts?: Readonly<Record<string, unknown>>;
  declare readonly bytesIn: number;
  declare readonly bytesOut: number;
  declare readonly unsent: number;
  declare readonly startedAt: number;
  declare readonly connectedAt?: number;
  declare readonly closedAt: number;

  constructor(facts: Facts) {
    Object.assign(this, facts);
  }

  toJSON(): object {
    return Object.assign({}, this, 'error' in this ? { error: anyToJson(this.error) } : {});
  }
}
