import type { Duplex } from 'node:stream';
import type { PeerCertificate, SecureContext, TLSSocket } from 'node:tls';
import { defer, of, Subscription, take, type Observable, type Observer } from 'rxjs';
import { ETLS, ETLSCERT, ETLSTRUNCATED, IOStreamError, type ErrorCode, type Phase } from '../../errors.ts';
import { concatBytes } from '../../util/concat-bytes.ts';
import { remainingTime } from '../../wire/deadline.ts';
import { handshakeBroken, handshakeDeadline } from '../../layers/handshake-deadline.ts';
import type { Layer, LayerContext } from '../../wire/layer.ts';
import { guardedSubscriber } from '../../util/guarded-subscriber.ts';
import {
  END,
  PAUSE,
  RESUME,
  type DataSignal,
  type Dial,
  type EndSignal,
  type Flow,
  type LayerDetails,
  type Up,
} from '../../wire/signal.ts';
import type { ContextNow } from './tls-contexts.ts';
import { TlsDuplex } from './tls-duplex.ts';
import { clearTextProblem, FIRST_BYTES, tlsReason } from './tls-errors.ts';
import type { TlsFacts, TlsOptions } from './tls-options.ts';
import { TlsWriter } from './tls-writer.ts';
import { isNode } from './tls-runtime.ts';
import { factsOf, keepNodeTls, NOTHING, rememberShown, shownBy, shownInSession, type Shown } from './tls-peer.ts';
import { EMPTY_BYTES } from '../../util/empty-bytes.ts';

/** What differs between a client and a server, and the user's options. */
export interface TlsRole extends Pick<TlsOptions, 'verify' | 'truncation'> {
  /** The role of the peer. */
  readonly peer: 'server' | 'client';
  /** The secure context; the first value is used. Subscribed while the connection exists. */
  readonly contexts: Observable<ContextNow>;
  /** Starts Node's TLS on a transport. Must not check the peer's certificate. */
  start(transport: Duplex, context: SecureContext, session: Uint8Array | undefined): TLSSocket;
  /** The socket event at the end of the handshake. */
  readonly through: 'secure' | 'secureConnect';
  /** Returns the problem with the peer's certificate, `undefined` if there is none, or `'unasked'` if no certificate was requested. */
  problem(socket: TLSSocket, shown: Shown): Error | 'unasked' | undefined;
  /** Whether such a problem errors the stream. */
  readonly rejectUnauthorized: boolean;
  /** Chooses the session to resume. `known` is the one of `sessions`. */
  sessionToResume?(known: Uint8Array | undefined): Uint8Array | undefined;
  /** Where sessions of accepted peers are kept. */
  readonly sessions?: SessionSlot | undefined;
}

/** The session of one target. */
export interface SessionSlot {
  get(context: SecureContext): Uint8Array | undefined;
  /** Stores a session, or deletes the stored one. */
  set(context: SecureContext, session: Buffer | undefined): void;
}

type Stage = 'dialling' | 'handshake' | 'refusing' | 'open' | 'closing' | 'freed';
type Details = { truncated?: true; secureContextError?: unknown } & Record<string, unknown>;

/** The maximum number of bytes queued for a context or for `verify` before the wire below is paused. */
const WAITING_LIMIT = 65_536;

/** Runs Node's TLS between an application and a wire. See `tlsClient` for its behaviour. */
export class TlsLayer implements Layer {
  #stage: Stage = 'dialling';
  readonly #role: TlsRole;
  readonly #ports: LayerContext;
  readonly #dial: Dial;
  readonly #writer: TlsWriter;
  #socket: TLSSocket | undefined;
  #transport: TlsDuplex | undefined;
  #context: SecureContext | undefined;
  /** The newest session received from the peer, and the one offered to it. */
  #session: Buffer | undefined;
  #offered: Uint8Array | undefined;
  #shown: Shown = NOTHING;
  #timer: Subscription | undefined;
  /** The subscriptions to the context and to the answer of `verify`. */
  readonly #asked: Subscription = new Subscription();
  #below: readonly LayerDetails[] = [];
  readonly #details: Details = {};
  /** The last pause or resume of the application before the end of the handshake. */
  #wanted: 'pause' | 'resume' = 'resume';
  /** Inbound signals that are not processed yet. More may arrive from inside `next`. */
  readonly #inbox: (DataSignal | EndSignal)[] = [];
  #working = false;
  /** Whether inbound signals are queued: for a context, for `verify`, or behind earlier ones. */
  #waiting = false;
  #waitingBytes = 0;
  /** Whether the wire below has been paused. */
  #paused = false;
  /** Whether Node has completed the handshake, and the signals that arrived with its last message. */
  #through = false;
  #renegotiated = false;
  readonly #leftovers: (DataSignal | EndSignal)[] = [];
  #peerEnded = false;
  /** The first bytes of the peer during the handshake, to identify a peer that does not speak TLS. */
  #first: Uint8Array = EMPTY_BYTES;
  /** Until when the peer may still reject our certificate: the handshake timeout, or 0 after its first data. */
  #confirmedAt = 0;
  #closeNotifySent = false;
  /** The error for a peer that was rejected; reported after close_notify has been written. */
  #refusal: IOStreamError | undefined;
  /** The error after a close by the application; reported when the wire below has completed. */
  #broken: IOStreamError | undefined;
  readonly #listeners: readonly (readonly [event: string, listener: (told?: never) => void])[];

  constructor(role: TlsRole, ports: LayerContext) {
    this.#role = role;
    this.#ports = ports;
    this.#dial = ports.dial;
    this.#writer = new TlsWriter(ports.up, () => this.#onFlushed());
    const fail = (error?: Error): void => this.#fail(error);
    this.#listeners = [
      [role.through, () => this.#passed()],
      ['error', fail],
      // After the handshake, a server socket that was not created by Node's tls.Server has no other event for errors.
      ['_tlsError', fail],
      ['close', () => this.#fail()],
      ['session', (session?: Buffer) => this.#keep(session)],
    ];
  }

  down(signal: Flow): void {
    if (signal.kind === 'data') this.#writer.write(signal.bytes);
    else if (signal.kind === 'end') this.#writer.end();
    else {
      this.#wanted = signal.kind;
      if (this.#stage === 'open') this.#updateFlowControl(signal.kind);
    }
  }

  up(signal: Up): void {
    switch (signal.kind) {
      case 'data':
      case 'end':
        this.#inbox.push(signal);
        if (signal.kind === 'data' && this.#waiting) this.#pauseOver(signal.bytes.length);
        // There is no socket yet, and the handshake can no longer complete.
        if (signal.kind === 'end' && this.#stage === 'handshake' && !this.#socket) this.#fail(unexpectedEnd());
        else this.#work();
        return;
      case 'pause':
      case 'resume':
        this.#writer.hold(signal.kind === 'pause');
        return;
      case 'sent':
        this.#writer.sent(signal.bytes);
        return;
      case 'connected':
        if (!this.#freed) this.#begin(signal.details);
        return;
      case 'resolved':
        this.#ports.up.next(signal);
    }
  }

  closing(): boolean {
    if (this.#stage !== 'open') {
      this.free();
      return false;
    }
    this.#stage = 'closing';
    this.#writer.flush();
    return !this.#closeNotifySent;
  }

  closed(): void {
    if (this.#stage === 'handshake' || this.#stage === 'refusing') this.#fail(unexpectedEnd());
    else if (this.#broken) this.#ports.up.error(this.#broken);
  }

  failed(error: unknown): unknown {
    if (this.#refusal || this.#broken) return this.#refusal ?? this.#broken;
    if (this.#stage === 'handshake') return handshakeBroken(error, this.#dial);
    return this.#isUnconfirmed && this.#socket?.getProtocol() === 'TLSv1.3' ? brokenAfterHandshake(error, this.#dial) : error;
  }

  free(): void {
    if (this.#freed) return;
    this.#stage = 'freed';
    this.#timer?.unsubscribe();
    this.#asked.unsubscribe();
    this.#release();
  }

  #release(): void {
    const socket = this.#socket;
    if (!socket) return;
    for (const [event, listener] of this.#listeners) socket.off(event, listener);
    // No observer is left for later errors.
    socket.on('error', ignore).destroy();
  }

  #begin(below: readonly LayerDetails[]): void {
    this.#stage = 'handshake';
    this.#below = below;
    this.#dial.onTlsStart?.(this.#dial.layer);
    this.#confirmedAt = this.#dial.scheduler.now() + remainingTime(this.#dial.timeouts.handshake, this.#dial);
    this.#timer = handshakeDeadline(this.#dial, 'TLS handshake', (error) => this.#ports.up.error(this.#refusal ?? error));
    this.#waiting = true;
    this.#ask(this.#role.contexts, { next: (now) => this.#start(now) });
  }

  /** Subscribes until the connection is freed. */
  #ask<T>(source: Observable<T>, { next, error = ignore, complete = ignore }: Partial<Observer<T>> & Pick<Observer<T>, 'next'>): void {
    const subscriber = guardedSubscriber<T>({ next, error, complete, caught: (thrown) => this.#fail(asError(thrown)) });
    this.#asked.add(subscriber);
    source.subscribe(subscriber);
  }

  #start({ context, problem }: ContextNow): void {
    if (this.#stage !== 'handshake' || this.#socket) return;
    if (!context) {
      this.#fail(asError(problem));
      return;
    }
    this.#context = context;
    if (problem !== undefined) this.#details.secureContextError = problem;
    const transport = (this.#transport = new TlsDuplex({
      write: (bytes) => {
        this.#writer.ciphertextWritten(bytes.length);
        this.#ports.down.next({ kind: 'data', bytes });
      },
      // That was close_notify. Reported at once: the peer must not see the end before the application has the error.
      written: () => {
        if (this.#stage === 'refusing') this.#onFlushed();
      },
      final: () => this.#onFlushed(),
    }));
    // A wire may answer the ClientHello before `start` has returned. The answer is queued in the inbox.
    this.#offered = this.#role.sessionToResume?.(this.#role.sessions?.get(context));
    const socket = (this.#socket = this.#role.start(transport, context, this.#offered));
    // Node passes decrypted data to `push`, and null for close_notify, before `transport.push` returns. Overriding it shows at once
    // whether close_notify preceded the end of the wire below. The 'end' event would come turns later.
    socket.push = (chunk: Uint8Array | null) => {
      this.#read(chunk ? { kind: 'data', bytes: chunk } : END);
      return true;
    };
    for (const [event, listener] of this.#listeners) socket.on(event, listener);
    if (this.#freed) this.#release();
    else this.#goOn();
  }

  /** Stops queuing inbound signals and processes those queued. */
  #goOn(): void {
    this.#updateFlowControl(this.#stage === 'handshake' ? 'resume' : this.#wanted);
    this.#waiting = false;
    this.#waitingBytes = 0;
    this.#work();
  }

  /** Pauses only at the limit: a paused wire does not detect that the peer is gone. */
  #pauseOver(bytes: number): void {
    this.#waitingBytes += bytes;
    if (this.#waitingBytes >= WAITING_LIMIT && this.#stage === 'handshake') this.#updateFlowControl('pause');
  }

  #updateFlowControl(kind: 'pause' | 'resume'): void {
    if (this.#paused === (kind === 'pause')) return;
    this.#paused = !this.#paused;
    this.#ports.down.next(this.#paused ? PAUSE : RESUME);
  }

  get #freed(): boolean {
    return this.#stage === 'freed';
  }

  #passed(): void {
    // TLS 1.2 can renegotiate and then show another, unchecked certificate. TLS 1.3 cannot.
    if (this.#through) this.#renegotiated = this.#socket?.getProtocol() !== 'TLSv1.3';
    this.#through = true;
    if (!this.#working) this.#open();
  }

  /** Processes the inbox in order, also when more signals arrive from inside. */
  #work(): void {
    if (this.#working) return;
    this.#working = true;
    for (let signal = this.#next(); signal; signal = this.#next()) {
      if (signal.kind === 'data') this.#decrypt(signal.bytes);
      else this.#endBelow();
    }
    this.#working = false;
  }

  #next(): DataSignal | EndSignal | undefined {
    return this.#waiting ? undefined : this.#inbox.shift();
  }

  #decrypt(bytes: Uint8Array): void {
    if (this.#stage === 'freed' || bytes.length === 0) return;
    if (this.#stage === 'handshake' && this.#first.length < FIRST_BYTES)
      this.#first = concatBytes([this.#first, bytes.subarray(0, FIRST_BYTES - this.#first.length)]);
    this.#transport?.push(bytes);
    // Node emits its error in the next tick. By then the wire below may report an error that is only a consequence.
    if (this.#socket?.errored) this.#fail(this.#socket.errored);
    else if (this.#renegotiated) this.#fail(new Error('expected no renegotiation, the peer made one'));
    else if (this.#through) this.#open();
    // Detected at once: OpenSSL would wait for a complete record.
    else if (clearTextProblem(this.#first, this.#role.peer) !== undefined) this.#fail();
  }

  /** Not called from inside the event: OpenSSL is still in its handshake then, and `end` would send no close_notify. */
  #open(): void {
    const socket = this.#socket;
    if (this.#stage !== 'handshake' || !socket || this.#waiting) return;
    const { verify, rejectUnauthorized } = this.#role;
    this.#shown = shownBy(socket) ?? (socket.isSessionReused() && this.#offered ? shownInSession(this.#offered) : NOTHING);
    const problem = this.#role.problem(socket, this.#shown);
    const facts = { ...factsOf(socket, problem), x509: this.#shown.x509 };
    if (rejectUnauthorized && problem instanceof Error) this.#refuse(problem);
    else if (!verify) this.#connected(facts);
    else this.#verify(() => verify({ ...facts, ...this.#shown }), facts);
  }

  #verify(verify: () => ReturnType<NonNullable<TlsOptions['verify']>>, facts: TlsFacts): void {
    let accepted = false;
    const answer$ = defer(() => {
      const answer = verify();
      return typeof answer === 'boolean' ? of(answer) : answer;
    });
    this.#waiting = true;
    this.#ask(answer$.pipe(take(1)), {
      next: (answer) => (accepted = answer),
      error: (thrown: unknown) => this.#refuse(asError(thrown)),
      // Plain JavaScript may return any value.
      complete: () => ((accepted as unknown) === true ? this.#connected(facts) : this.#refuse(new Error('verify did not accept the peer'))),
    });
  }

  #connected(facts: TlsFacts): void {
    const socket = this.#socket;
    if (this.#stage !== 'handshake' || !socket) return;
    this.#timer?.unsubscribe();
    Object.assign(this.#details, facts, { layer: this.#dial.layer });
    // Not enumerable: it holds a secret.
    Object.defineProperty(this.#details, 'session', { get: () => this.#session ?? (facts.reused ? this.#offered : undefined) });
    keepNodeTls(this.#details, { socket, shown: this.#shown });
    this.#first = EMPTY_BYTES;
    this.#stage = 'open';
    if (this.#session) this.#keep(this.#session);
    this.#waiting = true;
    if (this.#wanted === 'pause') this.#updateFlowControl('pause');
    this.#ports.up.next({ kind: 'connected', details: [this.#details, ...this.#below] });
    for (let signal = this.#leftovers.shift(); signal; signal = this.#leftovers.shift()) this.#send(signal);
    if (this.#freed) return;
    this.#writer.open(socket);
    this.#goOn();
  }

  /**
   * Rejects the peer. Sends close_notify, because Node cannot send another alert. It is written in this turn or the next; then the
   * wire below is freed.
   */
  #refuse(cause: Error): void {
    if (this.#stage !== 'handshake') return;
    this.#refusal = this.#errorOf(cause, ETLSCERT);
    this.#stage = 'refusing';
    this.#forget();
    this.#socket?.end();
    // Deno does not send close_notify here.
    if (!isNode) this.#onFlushed();
  }

  #keep(session: Buffer | undefined): void {
    this.#session = session;
    // From these stages on, the peer has been accepted.
    if (!session || !(this.#stage === 'open' || this.#stage === 'closing')) return;
    rememberShown(session, this.#shown);
    this.#store(session);
  }

  #forget(): void {
    this.#store(undefined);
  }

  /** A user's cache may throw. */
  #store(session: Buffer | undefined): void {
    try {
      if (this.#context) this.#role.sessions?.set(this.#context, session);
    } catch (thrown) {
      // Ignored while the connection fails for another reason.
      if (session) this.#fail(asError(thrown));
    }
  }

  #read(signal: DataSignal | EndSignal): void {
    if (signal.kind === 'end' && !this.#through) this.#fail(unexpectedEnd());
    else if (this.#stage === 'handshake' || this.#leftovers.length > 0) this.#leftovers.push(signal);
    else this.#send(signal);
  }

  #send(signal: DataSignal | EndSignal): void {
    if (this.#peerEnded || this.#renegotiated || this.#stage === 'refusing') return;
    if (signal.kind === 'end' && this.#isRefused) {
      this.#fail(endedAfterHandshake());
      return;
    }
    if (signal.kind === 'end') this.#peerEnded = true;
    else this.#confirmedAt = 0;
    if (this.#stage === 'open') this.#ports.up.next(signal);
    if (signal.kind === 'end') this.#settle();
  }

  /** Handles the end of the wire below. If close_notify came before it, the end has been emitted already. */
  #endBelow(): void {
    if (this.#stage === 'handshake') this.#fail(unexpectedEnd());
    else if (this.#stage === 'open' && this.#isRefused) this.#fail(endedAfterHandshake());
    else if (this.#stage === 'open' && !this.#peerEnded) {
      this.#details.truncated = true;
      if (this.#role.truncation === 'error') this.#fail(new Error('expected close_notify before the end, got none'), ETLSTRUNCATED);
      else this.#send({ kind: 'end', truncated: true });
    }
  }

  /** Whether the peer has sent nothing but its handshake. Until then it may still reject what a client showed in its last message. */
  get #isUnconfirmed(): boolean {
    return this.#role.peer === 'server' && this.#stage === 'open' && !this.#peerEnded && this.#dial.scheduler.now() < this.#confirmedAt;
  }

  /** Whether an end of the peer may mean that it rejected our certificate. If the client has ended before, the end is a normal answer. */
  get #isRefused(): boolean {
    if (!this.#isUnconfirmed || this.#writer.isEnding) return false;
    const own = this.#socket?.getCertificate() as Partial<PeerCertificate> | null | undefined;
    return own?.raw !== undefined;
  }

  /** Called after all queued bytes and close_notify have been written. */
  #onFlushed(): void {
    this.#closeNotifySent = true;
    if (this.#refusal) this.#fail();
    else this.#settle();
  }

  /** Completes the wire below when the application has closed, or when both directions have ended. */
  #settle(): void {
    if (this.#closeNotifySent && (this.#peerEnded || this.#stage === 'closing')) this.#ports.down.complete();
  }

  #fail(cause?: Error, code?: ErrorCode): void {
    if (this.#freed) return;
    // Deletes a session that the peer no longer accepts, so that it does not fail every later connection.
    if (this.#stage === 'handshake') this.#forget();
    const error = this.#refusal ?? this.#errorOf(cause, code);
    if (this.#stage === 'closing') this.#breakOff(error);
    else this.#ports.up.error(error);
  }

  /**
   * Completes the wire below before the error is reported. Bytes written before the close may still be queued there, and an immediate
   * error would drop them.
   */
  #breakOff(error: IOStreamError): void {
    if (this.#broken) return;
    this.#broken = error;
    this.#ports.down.complete();
  }

  #errorOf(cause: Error | undefined, as?: ErrorCode): IOStreamError {
    const phase = PHASES[this.#stage] ?? 'read';
    const code = as ?? ((cause as NodeJS.ErrnoException | undefined)?.code === NO_CERTIFICATE ? ETLSCERT : ETLS);
    const clearText = this.#stage === 'handshake' ? clearTextProblem(this.#first, this.#role.peer) : undefined;
    const message = clearText ?? (cause ? tlsReason(cause) : 'expected the TLS socket to stay open, it was closed');
    return new IOStreamError(code, { phase, layer: this.#dial.layer, message, cause });
  }
}

/** Our alert to a client that did not send the requested certificate. */
const NO_CERTIFICATE = 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE';
const PHASES: Partial<Record<Stage, Phase>> = { handshake: 'handshake', closing: 'close' };

/** Converts any thrown value to an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function endedAfterHandshake(): Error {
  return new Error(
    'the peer ended right after the handshake, before it sent a byte: it may have refused the certificate of this client, which a server may do that late',
  );
}

/** Returns an error with the same code and facts, and a message about what a reset at this time may mean. */
function brokenAfterHandshake(error: unknown, { layer }: Dial): unknown {
  if (!(error instanceof IOStreamError) || error.layer !== undefined) return error;
  const { code, errno, phase, syscall, address, port } = error;
  const message = `the connection broke right after the handshake, before the peer sent a byte: ${error.message}; it may have refused the certificate of this client, or missed one`;
  const facts = Object.fromEntries(Object.entries({ syscall, address, port }).filter(([, value]) => value !== undefined));
  return new IOStreamError(code, { phase, layer, message, errno, cause: error, facts });
}

/** Returns an error with the code of Node's TLSSocket for this case. */
function unexpectedEnd(): Error {
  return Object.assign(new Error('expected the TLS handshake to go on, got EOF'), { code: 'ECONNRESET' });
}

function ignore(): void {
  // nothing to do
}
