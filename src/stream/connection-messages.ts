import type { RecordedSignal } from '../wire/recorded-signal.ts';
import type { Target } from '../wire/signal.ts';
import type { ClosedReport } from './report.ts';

/** What each message about a connection carries. */
export interface ConnectionMessage<Stream> {
  /** The number of the connection in this process, from 1. Lines of `trace` and recordings carry the same number. */
  readonly id: number;
  /** The stream of the connection. */
  readonly stream: Stream;
}

/** The diagnostics of connections. Durations are milliseconds. */
export interface ConnectionMessages<Stream> {
  /** A stream was created: it dials, or serves an accepted connection. Each is followed by one `connection:closed`. */
  'connection:dial': ConnectionMessage<Stream> & {
    /** Whether we dial the connection, or have accepted it. */
    readonly role: 'client' | 'server';
    /** Undefined if the connection exists already: an `fh`, an accepted socket, or a wire without a target. */
    readonly target: Target | undefined;
    /** The names of the plugins, the first nearest the application. */
    readonly layers: readonly string[];
    /** When the stream was created, as in its `ClosedReport`. */
    readonly startedAt: number;
  };
  /** The lookup of a name has ended. Not published for a literal address, nor for a name that a proxy resolves. */
  'connection:resolved': ConnectionMessage<Stream> & {
    readonly host: string;
    /** The first address. Undefined if the lookup failed. */
    readonly ip?: string;
    readonly error?: unknown;
    readonly duration: number;
  };
  /** An attempt to connect to one address. One that neither connects nor fails was given up, since another one has connected. */
  'connection:attempt': ConnectionMessage<Stream> & {
    /** The address; or the path, without a port. */
    readonly address: string;
    readonly port: number | undefined;
    readonly event: 'start' | 'connected' | 'failed';
    readonly error?: unknown;
  };
  /** The handshake of one layer. It starts when the layer below is connected. */
  'connection:handshake': ConnectionMessage<Stream> & {
    /** The plugin's name. */
    readonly layer: string;
    readonly event: 'start' | 'done' | 'failed';
    readonly error?: unknown;
  };
  /** All layers are connected. */
  'connection:connected': ConnectionMessage<Stream> & {
    /** The time since the stream was created. */
    readonly duration: number;
    readonly remoteAddress: string | undefined;
    readonly remotePort: number | undefined;
    readonly localAddress: string | undefined;
    readonly localPort: number | undefined;
  };
  /** A direction was paused. `in`: we stopped reading. `out`: the wire takes no more bytes for now. */
  'connection:pause': ConnectionMessage<Stream> & { readonly direction: 'in' | 'out' };
  /** A direction was resumed. */
  'connection:resume': ConnectionMessage<Stream> & { readonly direction: 'in' | 'out' };
  /** A limit of the stream was reached. */
  'connection:limit': ConnectionMessage<Stream> & {
    /** The option. */
    readonly name: 'inBufLimit' | 'outBufLimit';
    /** Its value, in bytes. */
    readonly limit: number;
    /** Unread bytes, or pending bytes. */
    readonly bytes: number;
  };
  /** An error was reported to the handlers of the stream. */
  'connection:error': ConnectionMessage<Stream> & {
    /** An `IOStreamError`, or what a callback of yours has thrown. */
    readonly error: unknown;
    /** Whether it ends the connection. */
    readonly fatal: boolean;
  };
  /** The connection has ended, and its handle is free. */
  'connection:closed': ConnectionMessage<Stream> & { readonly report: ClosedReport };
  /**
   * A signal of the connection. **Contains the bytes**, thus passwords and cookies. Copy bytes to keep them.
   *
   * `app` and `to app` are at the stream, `to wire` and `wire` at the socket. With plugins, the lines of the wire are published for
   * connections that were dialled while the channel had a subscriber.
   */
  'connection:signal': ConnectionMessage<Stream> & {
    /** When, in milliseconds since the stream was created. */
    readonly at: number;
    /** The line, as in a `Recording`. */
    readonly line: 'app' | 'to wire' | 'wire' | 'to app';
    readonly signal: RecordedSignal;
  };
}
