import { noop } from 'rxjs';

/** A channel for diagnostics. Browsers have none: see `diagnostics-channel.ts` for Node. */
export interface DiagnosticsChannel<Message extends object> {
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
}

const SILENT: DiagnosticsChannel<object> = { hasSubscribers: false, publish: noop };

/** Returns a channel that has no subscribers. */
export function diagnosticsChannel<Message extends object>(_name: string): DiagnosticsChannel<Message> {
  return SILENT;
}
