import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Observable } from 'rxjs';
import { CHANNEL_PREFIX } from '../util/diagnostics-channel.ts';
import { describeValue } from '../util/describe.ts';
import type { DiagnosticsMessages } from './messages.ts';

/**
 * Emits the messages of one diagnostics channel: what happens in all connections, servers, pools, persistent streams and muxes of this
 * process.
 *
 * ```text
 *   connection:dial ─▶ resolved ─▶ attempt … ─▶ handshake … ─▶ connected ─▶ pause, resume, limit, error … ─▶ closed
 * ```
 *
 * The same messages are on the channel `rxjs-io-stream:NAME` of `node:diagnostics_channel`. A channel without a subscriber costs
 * nothing: its messages are not made.
 *
 * Messages arrive synchronously, inside of what they report. No message contains a password, and none but `connection:signal` bytes.
 *
 * **Errors**
 * - Never errors. What a subscriber throws cannot affect a connection: it goes to RxJS's `config.onUnhandledError`, or else becomes an
 *   uncaught exception of the process.
 *
 * **Closing**
 * - Never completes. Unsubscribing leaves the channel.
 *
 * **Backpressure, Memory**
 * - Hot, without a buffer.
 *
 * ```ts
 * import { diagnostics, open } from 'rxjs-io-stream';
 *
 * diagnostics('connection:closed').subscribe(({ id, report }) => console.log(id, report.by, report.bytesIn));
 * ```
 *
 * @param name the channel, such as `connection:dial`; see {@link DiagnosticsMessages}.
 * @returns a cold Observable that subscribes to the channel.
 * @throws TypeError if `name` is not a string.
 * @see docs/guides/diagnostics.md
 */
export function diagnostics<Name extends keyof DiagnosticsMessages>(name: Name): Observable<DiagnosticsMessages[Name]> {
  if (typeof (name as unknown) !== 'string')
    throw new TypeError(`diagnostics: expected \`name\` to be a string, got ${describeValue(name)}`);
  return new Observable((out) => {
    const onMessage = (message: unknown): void => out.next(message as DiagnosticsMessages[Name]);
    subscribe(CHANNEL_PREFIX + name, onMessage);
    return () => void unsubscribe(CHANNEL_PREFIX + name, onMessage);
  });
}
