import type { Observer } from 'rxjs';
import type { Up } from './signal.ts';

/** Receives inbound signals. After its end it ignores them, and frees the connection: as a `Subscriber` of RxJS. */
export interface UpTarget extends Observer<Up> {
  readonly closed: boolean;
}
