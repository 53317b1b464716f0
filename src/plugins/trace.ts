import { asyncScheduler, config, Observable, tap, type MonoTypeOperatorFunction } from 'rxjs';
import { printable } from '../protocol/printable.ts';
import { hexDump } from '../util/hex.ts';
import { asText, errorFacts, plainDetails } from '../util/log-format.ts';
import { ownOptions } from '../util/own-options.ts';
import type { Dial, Flow, Plugin, Up } from '../wire/signal.ts';
import { atTickEnd } from '../util/at-tick-end.ts';

/** The options of {@link trace}. */
export interface TraceOptions {
  /** Called with each entry: one line, or for data a line and its dump, without a trailing newline. */
  readonly sink: (entry: string) => void;
  /** The maximum number of bytes shown of each chunk: 0 or more, Infinity for all. @default 256 */
  readonly bytes?: number | undefined;
}

/**
 * Creates a plugin that logs all signals at its place in the stack in readable form, and changes nothing.
 *
 * ```text
 *   #1        0 ms wire ↑ connected {"wire":"tcp"}
 *   #1        2 ms wire ↓ data 18 bytes
 *     00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 30 0d 0a  |GET / HTTP/1.0..|
 *     00000010  0d 0a                                             |..|
 *   #1        3 ms wire ↑ sent 18
 *   #1       40 ms wire ↑ error ECONNRESET "read ECONNRESET"
 *   │         │    │    │ └ the signal, or how it ended: complete, error, unsubscribed
 *   │         │    │    └ down to the network, or up to the application
 *   │         │    └ the plugin's name in the stack
 *   │         └ since this connection was subscribed
 *   └ the connection, counted for this plugin
 * ```
 *
 * Name it after its place: `{ plain: trace({ sink }), ssl: tlsClient(), wire: trace({ sink }) }` shows both sides of TLS. The dump has
 * the format of `hexdump -C`. Its offsets count the bytes of that direction since the start, so they do not depend on the chunks. Each
 * chunk is shown up to `bytes`, followed by the number of omitted bytes.
 *
 * Control characters in a peer's text are escaped as in JSON: `\\u009b`. That includes C1 and bidirectional controls.
 *
 * **A log contains what passes: passwords, cookies, keys of a handshake.** Below a TLS plugin it contains ciphertext. `bytes: 0` omits
 * the bytes. There is no default sink, so that secrets are never printed unintentionally.
 *
 * **Errors**
 * - An error of the sink does not affect the connection. Tracing of this connection stops, and the error goes to RxJS's
 *   `config.onUnhandledError`. If that is not set, it is ignored.
 *
 * **Backpressure, Memory**
 * - Signals pass unchanged and synchronously. Holds no bytes.
 *
 * ```ts
 * import { IOStream, trace } from 'rxjs-io-stream';
 *
 * new IOStream({ host: '127.0.0.1', port: 7, plugin: { wire: trace({ sink: console.error }) }, cb: () => {} });
 * ```
 *
 * @throws TypeError if `sink` is not a function, or `bytes` not a number of bytes.
 */
export function trace(options: TraceOptions): Plugin {
  const { sink, bytes: maxBytes = 256 } = ownOptions(options, 'trace', ['sink', 'bytes']);
  if (typeof sink !== 'function') throw new TypeError(`expected \`sink\` of trace to be a function, got ${typeof sink}`);
  if (!(typeof maxBytes === 'number' && maxBytes >= 0))
    throw new TypeError(`expected \`bytes\` of trace to be 0 or more, got ${asText(maxBytes)}`);
  let connections = 0;
  return (wire) => (dial) => {
    const below = wire(dial);
    return (flow$) =>
      new Observable<Up>((up) => {
        const log = new TraceLog(sink, maxBytes, dial, (connections += 1));
        const above$ = flow$.pipe(log.watch<Flow>('↓'));
        up.add(() => log.end());
        above$.pipe(below, log.watch<Up>('↑')).subscribe(up);
      });
  };
}

type Arrow = '↓' | '↑';

type Entry = Up | { readonly kind: 'complete' | 'unsubscribed' } | { readonly kind: 'error'; readonly error: unknown };

/** The log of one connection. */
class TraceLog {
  readonly #sink: (entry: string) => void;
  readonly #maxBytes: number;
  readonly #dial: Dial;
  readonly #number: number;
  readonly #start: number;
  #isOpen = true;

  constructor(sink: (entry: string) => void, maxBytes: number, dial: Dial, number: number) {
    this.#sink = sink;
    this.#maxBytes = maxBytes;
    this.#dial = dial;
    this.#number = number;
    this.#start = dial.scheduler.now();
  }

  watch<S extends Up>(arrow: Arrow): MonoTypeOperatorFunction<S> {
    let passed = 0;
    const end = (how: Entry): void => {
      this.#write(arrow, how);
      if (arrow === '↑') this.#isOpen = false;
    };
    return tap<S>({
      next: (signal) => {
        this.#write(arrow, signal, passed);
        if (signal.kind === 'data') passed += signal.bytes.length;
      },
      error: (error: unknown) => end({ kind: 'error', error }),
      complete: () => end({ kind: 'complete' }),
    });
  }

  /** Logs an unsubscribe, unless the connection has ended before. */
  end(): void {
    this.#write('↓', { kind: 'unsubscribed' });
    this.#isOpen = false;
  }

  /** @param offset the position of the chunk in its direction. */
  #write(arrow: Arrow, entry: Entry, offset = 0): void {
    if (!this.#isOpen) return;
    const { layer = 'trace', scheduler } = this.#dial;
    const ms = String(Math.round(scheduler.now() - this.#start));
    try {
      // Inside `try`, like the formatting below: an error of the log must not affect the connection.
      const bytes = entry.kind === 'data' ? dumpOf(entry.bytes, offset, this.#maxBytes) : '';
      this.#sink(`#${this.#number} ${ms.padStart(8)} ms ${layer} ${arrow} ${printable(formatEntry(entry))}${bytes}`);
    } catch (error) {
      this.#isOpen = false;
      // In a separate tick, so that an error of the handler does not affect the connection either.
      atTickEnd(asyncScheduler, () => config.onUnhandledError?.(error));
    }
  }
}

function formatEntry(signal: Entry): string {
  switch (signal.kind) {
    case 'data':
      return `data ${signal.bytes.length} bytes`;
    case 'end':
      return signal.truncated ? 'end truncated' : 'end';
    case 'resolved':
      return `resolved ${signal.host} is ${signal.ip}`;
    case 'connected':
      return `connected ${signal.details.map((details) => JSON.stringify(plainDetails(details))).join(' ')}`.trimEnd();
    case 'sent':
      return `sent ${signal.bytes}`;
    case 'error': {
      // Quoted, because an error may repeat text of a peer.
      const { code, message } = errorFacts(signal.error);
      return `error ${code === undefined ? '' : `${code} `}${JSON.stringify(message)}`;
    }
    default:
      return signal.kind;
  }
}

function dumpOf(bytes: Uint8Array, offset: number, maxBytes: number): string {
  const shown = bytes.subarray(0, maxBytes);
  const rows = hexDump(shown, offset);
  const omitted = bytes.length - shown.length;
  if (omitted > 0) rows.push(`… ${omitted} more bytes`);
  return rows.map((row) => `\n  ${row}`).join('');
}
