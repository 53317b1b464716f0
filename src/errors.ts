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

/** The library's own codes. Each constant adds its own, so that a bundler leaves out those that a program does not use. */
const CODES = /* @__PURE__ */ new Map<string, CodeFacts>();

/** Adds a code of the library. Its number is below those of libuv: errors of libuv keep their code and number. */
function ownCode<Code extends ErrorCode>(code: Code, errno: number, text: string, fatal = true): Code {
  CODES.set(code, { errno, text, fatal });
  return code;
}

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
export const EINBUFLIMIT: 'EINBUFLIMIT' = /* @__PURE__ */ ownCode('EINBUFLIMIT', -10100, 'in buffer limit reached', false);
/** Exported for compatibility and not used: a name that is not resolved in time is {@link EDNS}. */
export const ETORESOLVE: 'ETORESOLVE' = /* @__PURE__ */ ownCode('ETORESOLVE', -10101, 'resolve timeout');
/** Connecting took longer than `timeouts.connect`. */
export const ETOCONNECT: 'ETOCONNECT' = /* @__PURE__ */ ownCode('ETOCONNECT', -10102, 'connect timeout');
/** Bytes were pending, and none was `sent` for `timeouts.write`. */
export const ETOWRITE: 'ETOWRITE' = /* @__PURE__ */ ownCode('ETOWRITE', -10103, 'write timeout', false);
/** A plugin's handshake took longer than `timeouts.handshake` in total. */
export const ETOHANDSHAKE: 'ETOHANDSHAKE' = /* @__PURE__ */ ownCode('ETOHANDSHAKE', -10104, 'handshake timeout');
/** Nothing was read and nothing was written for `timeouts.idle`. */
export const ETOIDLE: 'ETOIDLE' = /* @__PURE__ */ ownCode('ETOIDLE', -10105, 'idle timeout', false);
/** A write was rejected because `outBufLimit` bytes were already pending. Fatal from `output`. */
export const EOUTBUFLIMIT: 'EOUTBUFLIMIT' = /* @__PURE__ */ ownCode('EOUTBUFLIMIT', -10106, 'out buffer limit reached', false);
/** A frame was longer than its codec's limit. */
export const EFRAMELIMIT: 'EFRAMELIMIT' = /* @__PURE__ */ ownCode('EFRAMELIMIT', -10107, 'frame too long');
/** The name could not be resolved: no such name, no address, or no answer within `timeouts.resolve`. `cause` is the reason. */
export const EDNS: 'EDNS' = /* @__PURE__ */ ownCode('EDNS', -10200, 'cannot resolve name');
/** Exported for compatibility and not used: see {@link EDNS}. */
export const EDNSNXDOMAIN: 'EDNSNXDOMAIN' = /* @__PURE__ */ ownCode('EDNSNXDOMAIN', -10201, 'no such name');
/** Exported for compatibility and not used: see {@link EDNS}. */
export const EDNSNODATA: 'EDNSNODATA' = /* @__PURE__ */ ownCode('EDNSNODATA', -10202, 'no address for name');
/** Bytes arrived while `waitFor` has EOF without IN, and there is no `inBufLimit`. Reading stops at `highWaterMark`. */
export const EREQINBUFLIMIT: 'EREQINBUFLIMIT' = /* @__PURE__ */ ownCode(
  'EREQINBUFLIMIT',
  -10300,
  'bytes came while waiting for EOF without IN: set inBufLimit',
  false,
);
/** Bytes arrived while `waitFor` has neither IN nor EOF. Reading stops at `highWaterMark`. */
export const EREQINEOF: 'EREQINEOF' = /* @__PURE__ */ ownCode(
  'EREQINEOF',
  -10301,
  'bytes came while waiting for neither IN nor EOF: set waitFor',
  false,
);
/** A proxy refused, or closed before its reply was complete. `status`, `reply`, `headers` and `body` hold its reply. */
export const EPROXY: 'EPROXY' = /* @__PURE__ */ ownCode('EPROXY', -10400, 'the proxy refused');
/** A proxy requires (other) credentials. `challenges` lists what an HTTP proxy asks for. */
export const EPROXYAUTH: 'EPROXYAUTH' = /* @__PURE__ */ ownCode('EPROXYAUTH', -10401, 'the proxy wants other credentials');
/** TLS failed, or the peer does not speak TLS. `cause` is OpenSSL's error. */
export const ETLS: 'ETLS' = /* @__PURE__ */ ownCode('ETLS', -10500, 'TLS failed');
/** The peer's certificate was not accepted. */
export const ETLSCERT: 'ETLSCERT' = /* @__PURE__ */ ownCode('ETLSCERT', -10501, 'the certificate of the peer was not accepted');
/** The peer sent FIN without close_notify, with `truncation: 'error'`. */
export const ETLSTRUNCATED: 'ETLSTRUNCATED' = /* @__PURE__ */ ownCode(
  'ETLSTRUNCATED',
  -10502,
  'the TLS stream was cut off without close_notify',
);
/** A write or an end after `end()`, or the stream has closed. */
export const ECLOSED: 'ECLOSED' = /* @__PURE__ */ ownCode('ECLOSED', -10600, 'the stream is closed for writing', false);
/** The peer sent something malformed. */
export const EPROTOCOL: 'EPROTOCOL' = /* @__PURE__ */ ownCode('EPROTOCOL', -10601, 'the peer sent something malformed');
/** A rule of yours does not allow the connection. The message names the rule and the address. */
export const EBLOCKED: 'EBLOCKED' = /* @__PURE__ */ ownCode('EBLOCKED', -10700, 'blocked by a rule');
/** A channel of messages has lost some, or has delivered them out of order. */
export const EGAP: 'EGAP' = /* @__PURE__ */ ownCode('EGAP', -10800, 'messages were lost');

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
  declare readonly code: string;
  /** The number of the code; 0 if it has none. */
  declare readonly errno: number;
  /** The phase in which the error occurred. */
  declare readonly phase: Phase;
  /** Whether the error closes the stream by default. */
  declare readonly fatal: boolean;
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
    const known = CODES.get(code);
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

/** An error of Node, or of a library that gives its errors a code. */
export interface SystemError extends Error {
  readonly code: string;
  readonly errno?: number;
  readonly syscall?: string;
  readonly address?: string;
  readonly port?: number;
}

/** Whether an error has a code of its own, as those of Node have. */
export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && typeof (error as Partial<SystemError>).code === 'string';
}
