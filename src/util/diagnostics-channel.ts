import { channel } from 'node:diagnostics_channel';

/** A channel of `node:diagnostics_channel` with messages of one type. Make a message only if `hasSubscribers` is true. */
export interface DiagnosticsChannel<Message extends object> {
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
}

/** Start of the names of all channels of this package. */
export const CHANNEL_PREFIX = 'rxjs-io-stream:';

/** Returns a function that returns the channel with a name, without the prefix. `Messages` has the type of the messages of each name. */
export function channelsOf<Messages extends Record<keyof Messages, object>>(): <Name extends keyof Messages & string>(
  name: Name,
) => DiagnosticsChannel<Messages[Name]> {
  return (name) => channel(CHANNEL_PREFIX + name);
}
