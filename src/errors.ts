import { definedOnly } from './util/defined-only.ts';
import { errorToJson, errorToPrint } from './util/print-error.ts';
import { ownOptions } from './util/own-options.ts';

/** The phase of a connection in which an error occurred. */
export type Phase = 'resolve' | 'connect' | 'handshake' | 'read' | 'write' | 'close';

interface CodeFacts {
  readonly errno: number;
  readonly fatal: boolean;
  readonly text: string;
}

/** The library's own codes. Their numbers are below those of libuv. Errors of libuv keep their code and number. */
const CODES: Readonly<Record<ErrorCode, CodeFacts>> = {
  EINBUFLIMIT: { errno: -10100, fatal: false, text: 'in buffer limit reached' },
  ETORESOLVE: { errno: -10101, fatal: true, text: 'resolve timeout' },
  ETOCONNECT: { errno: -10102, fatal: true, text: 'connect timeout' },
  ETOWRITE: { errno: -10103, fatal: false, text: 'write timeout' },
  ETOHANDSHAKE: { errno: -10104, fatal: true, text: 'handshake timeout' },
  ETOIDLE: { errno: -10105, fatal: false, text: 'idle timeout' },
  EOUTBUFLIMIT: { errno: -10106, fatal: false, text: 'out buffer limit reached' },
  EFRAMELIMIT: { errno: -10107, fatal: true, text: 'frame too long' },
  EDNS: { errno: -10200, fatal: true, text: 'cannot resolve name' },
  EDNSNXDOMAIN: { errno: -10201, fatal: true, text: 'no such name' },
  EDNSNODATA: { errno: -10202, fatal: true, text: 'no address for name' },
  EREQINBUFLIMIT: { errno: -10300, fatal: false, text: 'bytes came while waiting for EOF without IN: set inBufLimit' },
  EREQINEOF: { errno: -10301, fatal: false, text: 'bytes came while waiting for neither IN nor EOF: set waitFor' },
  EPROXY: { errno: -10400, fatal: true, text: 'the proxy refused' },
  EPROXYAUTH: { errno: -10401, fatal: true, text: 'the proxy wants other credentials' },
  ETLS: { errno: -10500, fatal: true, text: 'TLS failed' },
  ETLSCERT: { errno: -10501, fatal: true, text: 'the certificate of the peer was not accepted' },
  ETLSTRUNCATED: { errno: -10502, fatal: true, text: 'the TLS stream was cut off without close_notify' },
  ECLOSED: { errno: -10600, fatal: false, text: 'the stream is closed for writing' },
  EPROTOCOL: { errno: -10601, fatal: true, text: 'the peer sent something malformed' },
  EBLOCKED: { errno: -10700, fatal: true, text: 'blocked by a rule' },
  EGAP: { errno: -10800, fatal: true, text: 'messages were lost' },
};

/** A code of this library. System errors (`ECONNREFUSED`, …) keep Node's code. */
export type ErrorCode =
  | 'EINBUFLIMIT'
  | 'ETORESOLVE'
  | 'ETOCONNECT'
  | 'ETOWRITE'
  | 'ETOHANDSHAKE'
  | 'ETOIDLE'
  | 'EOUTBUFLIMIT'
  | 'EFRAMELIMIT'
  | 'EDNS'
  | 'EDNSNXDOMAIN'
  | 'EDNSNODATA'
  | 'EREQINBUFLIMIT'
  | 'EREQINEOF'
  | 'EPROXY'
  | 'EPROXYAUTH'
  | 'ETLS'
  | 'ETLSCERT'
  | 'ETLSTRUNCATED'
  | 'ECLOSED'
  | 'EPROTOCOL'
  | 'EBLOCKED'
  | 'EGAP';

/** `inBuf` has grown over `inBufLimit` while waiting for EOF without IN. Reading stops until you make room or change the limit. */
export const EINBUFLIMIT = 'EINBUFLIMIT';
/** Exported for compatibility and not used: a name that is not resolved in time is {@link EDNS}. */
export const ETORESOLVE = 'ETORESOLVE';
/** Connecting took longer than `timeouts.connect`. */
export const ETOCONNECT = 'ETOCONNECT';
/** Bytes were pending, and none was `sent` for `timeouts.write`. */
export const ETOWRITE = 'ETOWRITE';
/** A plugin's handshake took longer than `timeouts.handshake` in total. */
export const ETOHANDSHAKE = 'ETOHANDSHAKE';
/** Nothing was read and nothing was written for `timeouts.idle`. */
export const ETOIDLE = 'ETOIDLE';
/** A write was rejected because `outBufLimit` bytes were already pending. Fatal from `output`. */
export const EOUTBUFLIMIT = 'EOUTBUFLIMIT';
/** A frame was longer than its codec's limit. */
export const EFRAMELIMIT = 'EFRAMELIMIT';
/** The name could not be resolved: no such name, no address, or no answer within `timeouts.resolve`. `cause` is the reason. */
export const EDNS = 'EDNS';
/** Exported for compatibility and not used: see {@link EDNS}. */
export const EDNSNXDOMAIN = 'EDNSNXDOMAIN';
/** Exported for compatibility and not used: see {@link EDNS}. */
export const EDNSNODATA = 'EDNSNODATA';
/** Bytes arrived while `waitFor` has EOF without IN, and there is no `inBufLimit`. Reading stops at `highWaterMark`. */
export const EREQINBUFLIMIT = 'EREQINBUFLIMIT';
/** Bytes arrived while `waitFor` has neither IN nor EOF. Reading stops at `highWaterMark`. */
export const EREQINEOF = 'EREQINEOF';
/** A proxy refused, or closed before its reply was complete. `status`, `reply`, `headers` and `body` hold its reply. */
export const EPROXY = 'EPROXY';
/** A proxy requires (other) credentials. `challenges` lists what an HTTP proxy asks for. */
export const EPROXYAUTH = 'EPROXYAUTH';
/** TLS failed, or the peer does not speak TLS. `cause` is OpenSSL's error. */
export const ETLS = 'ETLS';
/** The peer's certificate was not accepted. */
export const ETLSCERT = 'ETLSCERT';
/** The peer sent FIN without close_notify, with `truncation: 'error'`. */
export const ETLSTRUNCATED = 'ETLSTRUNCATED';
/** A write or an end after `end()`, or the stream has closed. */
export const ECLOSED = 'ECLOSED';
/** The peer sent something malformed. */
export const EPROTOCOL = 'EPROTOCOL';
/** A rule of yours does not allow the connection. The message names the rule and the address. */
export const EBLOCKED = 'EBLOCKED';
/** A channel of messages has lost some, or has delivered them out of order. */
export const EGAP = 'EGAP';

/** The fields of an {@link IOStreamError}, except its code. */
export interface IOStreamErrorOptions {
  /** The phase in which the error occurred. */
  readonly phase: Phase;
  /** One sentence: what happened, and what to do about it. The error appends its code. @default the text of the code */
  readonly message?: string | undefined;
  /** The name of the plugin in the stack. @default none: the wire or the stream itself */
  readonly layer?: string | undefined;
  /** Whether the error closes the stream by default. @default that of the code; true for a code of the system */
  readonly fatal?: boolean | undefined;
  /** The number of the code. @default that of the code; 0 for a code of the system */
  readonly errno?: number | undefined;
  /** The underlying error. @default none */
  readonly cause?: unknown;
  /**
   * More facts, copied to fields of the error: `syscall`, `address`, `port`, `rule`, `status`, `reply`, `headers`, `body`. Never a secret.
   *
   * @default none
   */
  readonly facts?: Readonly<Record<string, unknown>> | undefined;
}

/** Node and Bun call the method with this name for `console.log` and `inspect`. The symbol needs no import of `node:util`. */
const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom');

function print(this: IOStreamError, depth: number, options: object, inspect: (value: unknown, options: object) => string): string {
  return inspect(errorToPrint(this), { ...options, depth, customInspect: false });
}

/**
 * Describes a failure of a connection.
 *
 * - `code` is the name to compare with, `errno` its number.
 * - `phase` is the phase in which it occurred.
 * - `layer` is the plugin that reported it. Undefined for the wire and the stream itself.
 * - `fatal`: whether the error closes the stream by default.
 * - `cause` is the underlying error.
 *
 * System errors keep Node's `code`, `errno`, `syscall`, `address` and `port`. No field ever contains a password or a key.
 *
 * Each `message` ends in its code, to search for: `… did not complete within 10 ms [ETOHANDSHAKE]`. Of the `cause`, `inspect` and
 * `JSON.stringify` show the message and the fields of Node's errors only: others may hold a socket or a secret.
 *
 * ```ts
 * import { IOStream, ECLOSED } from 'rxjs-io-stream';
 *
 * const io = new IOStream({ host: '127.0.0.1', port: 9, cb: (_io, _mask, error) => console.log(error?.phase, error?.code === ECLOSED) });
 * ```
 */
export class IOStreamError extends Error {
  /** The name of the error, to compare with: a code of this library, or Node's. */
  readonly code: string;
  /** The number of the code; 0 if it has none. */
  readonly errno: number;
  /** The phase in which the error occurred. */
  readonly phase: Phase;
  /** Whether the error closes the stream by default. */
  readonly fatal: boolean;
  /** The name of the plugin that reported the error. Undefined for the wire and the stream itself. */
  declare layer?: string;
  /** System errors: the call that failed, such as `connect`. */
  declare readonly syscall?: string;
  /** System errors: the address that was dialled. */
  declare readonly address?: string;
  /** System errors: the port that was dialled. */
  declare readonly port?: number;
  /** EBLOCKED of `admit`: the rule, such as `perAddress`. */
  declare readonly rule?: string;
  /** EPROXY and EPROXYAUTH: the status of the proxy's reply, and its text in `reply`. */
  declare readonly status?: number;
  /** EPROXY and EPROXYAUTH: the text of the proxy's reply. */
  declare readonly reply?: string;
  /** HTTP proxy: the headers of its reply, and the first KiB of the body in `body`. */
  declare readonly headers?: Readonly<Record<string, string>>;
  /** HTTP proxy: the first KiB of the body of its reply. */
  declare readonly body?: string;
  /** EPROXYAUTH of an HTTP proxy: the credentials that it asks for. */
  declare readonly challenges?: readonly {
    readonly scheme: string;
    readonly params: Readonly<Record<string, string>>;
    readonly token68?: string;
  }[];

  /** Errors of a WebSocket: the code with which it was closed (RFC 6455, section 7.4). */
  declare readonly closeCode?: number;
  /** Errors of a WebSocket: the reason in its close frame, or ''. */
  declare readonly closeReason?: string;

  constructor(code: string, options: IOStreamErrorOptions) {
    const known: CodeFacts | undefined = Object.hasOwn(CODES, code) ? CODES[code as ErrorCode] : undefined;
    const { message, layer, phase, fatal, errno, cause, facts } = ownOptions(options, 'IOStreamError');
    const text = withCode(message ?? known?.text ?? 'unknown error', code);
    super(layer === undefined ? text : `${layer}: ${text}`, definedOnly({ cause }));
    this.code = code;
    this.errno = errno ?? known?.errno ?? 0;
    this.phase = phase;
    this.fatal = fatal ?? known?.fatal ?? true;
    if (layer !== undefined) this.layer = layer;
    if (facts) Object.assign(this, facts);
    // Not a member of the class: Deno declares no computed names.
    if (!(INSPECT in this)) Object.defineProperty(IOStreamError.prototype, INSPECT, { value: print, configurable: true, writable: true });
  }

  // Members of the class, and no static block: a bundler leaves out a class that it does not use only if defining it does nothing else.

  /** @internal */
  override get name(): string {
    return 'IOStreamError';
  }

  /** @internal */
  override set name(value: string) {
    Object.defineProperty(this, 'name', { value, configurable: true, writable: true });
  }

  /** Returns the name, the message, the fields and the chain of causes, for `JSON.stringify`. Without the stack. */
  toJSON(): Record<string, unknown> {
    return errorToJson(this);
  }

  /**
   * Converts any thrown value to an {@link IOStreamError}.
   * - An IOStreamError is returned itself. If it has no `layer`, the given one is added to it and to its message.
   * - A system error keeps its code, number and facts.
   * - Any other value gets the given `code`.
   *
   * @param error the thrown value.
   * @param given the fields of the error; `code` defaults to EPROTOCOL.
   */
  static from(error: unknown, given: IOStreamErrorOptions & { readonly code?: ErrorCode }): IOStreamError {
    const options = ownOptions(given, 'IOStreamError');
    if (error instanceof IOStreamError) {
      if (options.layer !== undefined && error.layer === undefined) error.#learn(options.layer);
      return error;
    }
    const message = options.message ?? (error instanceof Error ? error.message : String(error));
    if (isSystemError(error)) {
      const { code, errno, syscall, address, port } = error;
      return new IOStreamError(code, { ...options, message, errno, cause: error, facts: definedOnly({ syscall, address, port }) });
    }
    return new IOStreamError(options.code ?? EPROTOCOL, { ...options, message, cause: error });
  }

  #learn(layer: string): void {
    const { message, stack } = this;
    this.layer = layer;
    this.message = `${layer}: ${message}`;
    if (stack !== undefined) this.stack = stack.replace(message, () => this.message); // The stack contains the original message.
  }
}

/** Appends the code, once: the message of a wrapped error ends in it, and may stand in the middle of the text. */
function withCode(text: string, code: string): string {
  const suffix = ` [${code}]`;
  return text.replaceAll(suffix, '') + suffix;
}

interface SystemError extends Error {
  readonly code: string;
  readonly errno?: number;
  readonly syscall?: string;
  readonly address?: string;
  readonly port?: number;
}

function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && typeof (error as Partial<SystemError>).code === 'string';
}
