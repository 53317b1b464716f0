import { noop } from 'rxjs';

/** A channel for diagnostics. Browsers have none: see `diagnostics-channel.ts` for Node. */
export interface DiagnosticsChannel<Message extends object> {
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
}

const SILENT: DiagnosticsChannel<object> = { hasSubscribers: false, publish: noop };

/** Returns a function that returns a channel without subscribers. */
export function channelsOf<Messages extends Record<keyof Messages, object>>(): <Name extends keyof Messages & string>(
  name: Name,
) => DiagnosticsChannel<Messages[Name]> {
  return () => SILENT;
}
