import type { HttpChallenge } from './http-challenge.ts';
import type { Answer } from './need.ts';
import type { Secrets } from './secrets.ts';

/** The challenge of a proxy that requires (different) credentials. */
export interface ProxyChallenge {
  /** The status code, 407. */
  readonly status: number;
  /** The headers of the reply by lower-case name. Repeated headers are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed Proxy-Authenticate header. */
  readonly challenges: readonly HttpChallenge[];
  /** The number of calls of `auth` for this connection, this one included: 1, 2, … */
  readonly attempt: number;
}

/** The parameters of a CONNECT request. */
export interface ConnectRequest {
  /** Host and port of the target, in the form that is sent. */
  readonly authority: string;
  /** Headers to send in addition to Host and Proxy-Authorization. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Called after a 407; returns the value of Proxy-Authorization. Nothing, or an empty string, gives up. */
  readonly auth?: ((challenge: ProxyChallenge) => Answer<string | null | undefined>) | undefined;
}

/** State that survives redialling the proxy, and the time limit for the body of a refusal. */
export interface ConnectState {
  /** The value of Proxy-Authorization. */
  authorization?: string | undefined;
  /** How many times `auth` was called. */
  attempt: number;
  /** Whether a call of `auth` is pending. If the connection breaks meanwhile, its answer is used for a new connection. */
  isAsking: boolean;
  /** The number of 407 challenges received, and the number of connections they came on. */
  challenges: number;
  connections: number;
  /** Texts that no error and no detail may contain, even if the proxy repeats them. */
  readonly secrets: Secrets;
  /** Starts a timer while the body of a refusal is read. On expiry it ends the connection. Returns a function that stops the timer. */
  startBodyTimeout(): () => void;
}

/** The proxy's successful reply. */
export interface Tunnel {
  readonly [fact: string]: unknown;
  /** The status code, 200 to 299. */
  readonly status: number;
  /** The reason phrase of the status line, if there is one. */
  readonly reply?: string;
  /** The headers of the reply; the names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}
