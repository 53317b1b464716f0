import type { Observer, SchedulerLike } from 'rxjs';
import { printable } from '../protocol/printable.ts';
import { nextConnectionId } from '../util/connection-id.ts';
import { hexDump } from '../util/hex.ts';
import { asText, errorFacts, plainDetails } from '../util/log-format.ts';
import { ownOptions } from '../util/own-options.ts';
import { reportIgnored } from '../util/report-ignored.ts';
import { connectTo, direct, type DirectConnection, type FlowSource } from '../wire/direct.ts';
import type { Dial, Flow, Plugin, Up } from '../wire/signal.ts';

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
 *   └ the number of the connection, the same in all logs and diagnostics
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
  const own = { sink, bytes: Math.floor(maxBytes) };
  return (wire) => (dial) => {
    const below = wire(dial);
    return direct((up) => {
      const log = new TraceLog(own, dial);
      return new TracedFlow(log, connectTo(below, new TracedUp(log, up)));
    });
  };
}

/** Logs the outbound signals of a connection, then passes them on. */
class TracedFlow implements DirectConnection {
  readonly #log: TraceLog;
  readonly #below: DirectConnection;
  #passed = 0;
  #hasEnded = false;

  constructor(log: TraceLog, below: DirectConnection) {
    this.#log = log;
    this.#below = below;
  }

  start(source?: FlowSource): void {
    this.#below.start(source);
  }

  next(signal: Flow): void {
    if (this.#hasEnded) return;
    this.#log.write('↓', signal, this.#passed);
    if (signal.kind === 'data') this.#passed += signal.bytes.length;
    this.#below.next(signal);
  }

  error(error: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#log.write('↓', { kind: 'error', error });
    this.#below.error(error);
  }

  complete(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#log.write('↓', { kind: 'complete' });
    this.#below.complete();
  }

  unsubscribe(): void {
    this.#log.end('↓', { kind: 'unsubscribed' });
    this.#below.unsubscribe();
  }
}

/** Logs the inbound signals of a connection, then passes them on. */
class TracedUp implements Observer<Up> {
  readonly #log: TraceLog;
  readonly #above: Observer<Up>;
  #passed = 0;

  constructor(log: TraceLog, above: Observer<Up>) {
    this.#log = log;
    this.#above = above;
  }

  next(signal: Up): void {
    this.#log.write('↑', signal, this.#passed);
    if (signal.kind === 'data') this.#passed += signal.bytes.length;
    this.#above.next(signal);
  }

  error(error: unknown): void {
    this.#log.end('↑', { kind: 'error', error });
    this.#above.error(error);
  }

  complete(): void {
    this.#log.end('↑', { kind: 'complete' });
    this.#above.complete();
  }
}

type Arrow = '↓' | '↑';

type Entry = Up | { readonly kind: 'complete' | 'unsubscribed' } | { readonly kind: 'error'; readonly error: unknown };

/** Where entries go, and the maximum number of bytes shown of each chunk. */
interface TraceLogOptions {
  readonly sink: (entry: string) => void;
  readonly bytes: number;
}

/** The log of one connection of `trace`. */
class TraceLog {
  readonly #options: TraceLogOptions;
  readonly #layer: string;
  readonly #scheduler: SchedulerLike;
  readonly #id: number;
  readonly #start: number;
  #isOpen = true;

  constructor(options: TraceLogOptions, { layer = 'trace', scheduler, id = nextConnectionId() }: Dial) {
    this.#options = options;
    this.#layer = layer;
    this.#scheduler = scheduler;
    this.#id = id;
    this.#start = scheduler.now();
  }

  /** Logs the end, unless the connection has ended before. */
  end(arrow: Arrow, how: Entry): void {
    this.write(arrow, how);
    this.#isOpen = false;
  }

  /** Logs a signal, or how the connection ended. @param offset the position of the chunk in its direction. */
  write(arrow: Arrow, entry: Entry, offset = 0): void {
    if (!this.#isOpen) return;
    const { sink, bytes: maxBytes } = this.#options;
    const ms = String(Math.round(this.#scheduler.now() - this.#start));
    try {
      // Inside `try`, like the formatting below: an error of the log must not affect the connection.
      const bytes = entry.kind === 'data' ? dumpOf(entry.bytes, offset, maxBytes) : '';
      sink(`#${this.#id} ${ms.padStart(8)} ms ${this.#layer} ${arrow} ${formatEntry(entry)}${bytes}`);
    } catch (error) {
      this.#isOpen = false;
      reportIgnored(error);
    }
  }
}

/** Formats an entry. Only what may contain text of others is escaped: that takes as long as all the rest. */
function formatEntry(signal: Entry): string {
  switch (signal.kind) {
    case 'data':
      return `data ${signal.bytes.length} bytes`;
    case 'end':
      return signal.truncated ? 'end truncated' : 'end';
    case 'resolved':
      return printable(`resolved ${signal.host} is ${signal.ip}`);
    case 'connected':
      return printable(`connected ${signal.details.map((details) => JSON.stringify(plainDetails(details))).join(' ')}`.trimEnd());
    case 'sent':
      return `sent ${signal.bytes}`;
    case 'error': {
      // Quoted, because an error may repeat text of a peer.
      const { code, message } = errorFacts(signal.error);
      return printable(`error ${code === undefined ? '' : `${code} `}${JSON.stringify(message)}`);
    }
    default:
      return signal.kind;
  }
}

function dumpOf(bytes: Uint8Array, offset: number, maxBytes: number): string {
  const omitted = Math.max(0, bytes.length - maxBytes);
  const more = omitted > 0 ? `\n  … ${omitted} more bytes` : '';
  if (maxBytes === 0) return more;
  const rows = hexDump(bytes.subarray(0, maxBytes), offset);
  return rows.map((row) => `\n  ${row}`).join('') + more;
}
