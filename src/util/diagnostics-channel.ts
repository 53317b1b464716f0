import { channel } from 'node:diagnostics_channel';

/** A channel of `node:diagnostics_channel` with messages of one type. Make a message only if `hasSubscribers` is true. */
export interface DiagnosticsChannel<Message extends object> {
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
}

/** Start of the names of all channels of this package. */
export const CHANNEL_PREFIX = 'rxjs-io-stream:';

/** Returns the channel with a name, without the prefix. */
export function diagnosticsChannel<Message extends object>(name: string): DiagnosticsChannel<Message> {
  return channel(CHANNEL_PREFIX + name);
}
