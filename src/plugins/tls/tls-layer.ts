import type { TLSSocket } from 'node:tls';
import { isObservable, noop, Subscription, type Observable } from 'rxjs';
import { ETLSCERT, ETLSTRUNCATED, type ErrorCode, type IOStreamError } from '../../errors.ts';
import { handshakeBroken, handshakeDeadline } from '../../layers/handshake-deadline.ts';
import { guardedSubscriber } from '../../util/guarded-subscriber.ts';
import { connectionOf } from '../../wire/connection-of.ts';
import type { Layer, LayerContext } from '../../wire/layer.ts';
import { END, type DataSignal, type EndSignal, type Flow, type LayerDetails, type Up } from '../../wire/signal.ts';
import { asError } from './as-error.ts';
import { CiphertextQueue } from './ciphertext-queue.ts';
import { describePeer, type TlsDetails } from './describe-peer.ts';
import { LateRefusal } from './late-refusal.ts';
import type { CurrentContext } from './tls-contexts.ts';
import { NativeTlsEngine } from './native-tls-engine.ts';
import { TlsEngine, type Engine, type TlsEngineHandler } from './tls-engine.ts';
import type { TlsFlow } from './tls-flow.ts';
import { endInHandshake, tlsError } from './tls-error.ts';
import { NativeTlsOutput, type TlsOutput } from './tls-output.ts';
import { TlsReader, type TlsReaderHandler } from './tls-reader.ts';
import { TlsResumption } from './tls-resumption.ts';
import type { TlsRole } from './tls-role.ts';
import { tlsVerdict, type AcceptedPeer } from './tls-verdict.ts';
import { isNode } from './tls-runtime.ts';
import { TlsWriter } from './tls-writer.ts';

type Stage = 'dialling' | 'preparing' | 'handshake' | 'verifying' | 'refusing' | 'open' | 'closing' | 'freed';

/**
 * Runs Node's TLS between an application and a wire. See `tlsClient` for its behaviour.
 *
 * ```text
 *   application ──▶ TlsWriter ──▶ TlsEngine ─────────────────────▶ wire below
 *   application ◀── TlsReader ◀── TlsEngine ◀── CiphertextQueue ◀── wire below
 *
 *   dialling ─ connected ─▶ preparing ─ context ─▶ handshake ─ secure ─▶ verifying ─ accepted ─▶ open ─ close ─▶ closing
 *                                                                            └─ refused ─▶ refusing
 * ```
 *
 * No byte of the application passes in either direction before `open`. An error, the completion of the wire below and an
 * unsubscription lead from any stage to `freed`.
 */
export class TlsLayer implements Layer, TlsEngineHandler, TlsReaderHandler {
  #stage: Stage = 'dialling';
  readonly #role: TlsRole;
  readonly #ports: LayerContext;
  readonly #ciphertext: CiphertextQueue;
  readonly #reader: TlsReader;
  readonly #writer: TlsWriter;
  /** Takes the outbound signals: the writer, unless the TLS socket is native. */
  #output: TlsOutput;
  readonly #resumption: TlsResumption;
  /** From the stage `handshake` on. */
  #engine: Engine | undefined;
  /** Obeys the application's pauses: the queue of ciphertext, unless the TLS socket is native. */
  #flow: TlsFlow;
  /** Whether no layer lies between this one and a Node stream. */
  readonly #isDirect: boolean;
  /** Of a client. */
  #lateRefusal: LateRefusal | undefined;
  #timeout: Subscription | undefined;
  /** The subscriptions to the context and to the verdict. */
  readonly #subscriptions: Subscription = new Subscription();
  #detailsBelow: readonly LayerDetails[] = [];
  /** From the stage `open` on. */
  #details: TlsDetails | undefined;
  /** Why the context is not the newest one. */
  #contextProblem: unknown;
  #closeNotifySent = false;
  /** Why the peer was refused, or what failed after the application closed. Reported when the last bytes have been written. */
  #pendingError: IOStreamError | undefined;

  /** @param isDirect whether no layer lies between this one and a Node stream. */
  constructor(role: TlsRole, ports: LayerContext, isDirect: boolean) {
    this.#role = role;
    this.#isDirect = isDirect;
    this.#ports = ports;
    this.#flow = this.#ciphertext = new CiphertextQueue(ports, (signal) => this.#process(signal));
    this.#reader = new TlsReader(ports.up, this);
    this.#output = this.#writer = new TlsWriter(ports, () => this.#onFlushed());
    this.#resumption = new TlsResumption(role, (thrown) => this.fail(asError(thrown)));
  }

  down(signal: Flow): void {
    if (signal.kind === 'data') this.#output.write(signal.bytes);
    else if (signal.kind === 'end') this.#output.end();
    else this.#flow.setPaused(signal.kind === 'pause');
  }

  up(signal: Up): void {
    // Reported at once: there may never be a context.
    if (signal.kind === 'end' && this.#stage === 'preparing') this.fail(endInHandshake());
    else if (signal.kind === 'data' || signal.kind === 'end') this.#ciphertext.push(signal);
    else if (signal.kind === 'sent') this.#output.sent(signal.bytes);
    else if (signal.kind === 'connected') this.#prepare(signal.details);
    else if (signal.kind === 'resolved') this.#ports.up.next(signal);
    else this.#output.setPaused(signal.kind === 'pause');
  }

  closing(): boolean {
    if (this.#stage !== 'open') {
      this.free();
      return false;
    }
    this.#stage = 'closing';
    this.#reader.close();
    // The wire below writes to a native TLS socket itself: its end is close_notify and FIN.
    if (this.#engine?.isNative) {
      this.#flow.setPaused(false);
      return false;
    }
    this.#writer.flush();
    return !this.#closeNotifySent;
  }

  closed(): void {
    if (this.#isConnecting || this.#stage === 'refusing') this.fail(endInHandshake());
    else if (this.#pendingError) this.#ports.up.error(this.#pendingError);
  }

  failed(error: unknown): unknown {
    if (this.#pendingError) return this.#pendingError;
    if (this.#isConnecting) return handshakeBroken(error, this.#ports.dial);
    return this.#stage === 'open' && this.#lateRefusal ? this.#lateRefusal.breakError(error) : error;
  }

  free(): void {
    if (this.#isFreed) return;
    this.#stage = 'freed';
    this.#timeout?.unsubscribe();
    this.#subscriptions.unsubscribe();
    this.#reader.close();
    this.#engine?.destroy();
  }

  /** Whether the application has ended its side. */
  get isEnding(): boolean {
    return this.#output.isEnding;
  }

  get #isFreed(): boolean {
    return this.#stage === 'freed';
  }

  get #isConnecting(): boolean {
    return this.#stage === 'preparing' || this.#stage === 'handshake' || this.#stage === 'verifying';
  }

  /** The wire below is connected: waits for the secure context. */
  #prepare(detailsBelow: readonly LayerDetails[]): void {
    if (this.#isFreed) return;
    const { dial, up } = this.#ports;
    this.#stage = 'preparing';
    this.#detailsBelow = detailsBelow;
    dial.onTlsStart?.(dial.layer);
    if (this.#role.peer === 'server') this.#lateRefusal = new LateRefusal(dial, this);
    this.#timeout = handshakeDeadline(dial, 'TLS handshake', (error) => up.error(this.#pendingError ?? error));
    const { contexts } = this.#role;
    if (isObservable(contexts)) this.#subscribe(contexts, (current) => this.#startHandshake(current), noop);
    else this.#guard(() => this.#startHandshake(contexts));
  }

  #startHandshake({ context, problem }: CurrentContext): void {
    if (this.#stage !== 'preparing') return;
    if (!context) {
      this.fail(asError(problem));
      return;
    }
    this.#contextProblem = problem;
    this.#stage = 'handshake';
    const [role, resumption, reader, writer] = [this.#role, this.#resumption, this.#reader, this.#writer];
    const options = { role, context, resumption, reader, handler: this };
    const isNative = this.#isDirect && isNode && this.#ports.dial.allowHalfOpen !== true;
    const connection = isNative ? connectionOf(this.#detailsBelow[0]?.handle) : undefined;
    const below = connection?.freshSocket;
    if (connection && below) {
      const { isAppPaused } = this.#ciphertext;
      const onFlushed = (): void => this.#onFlushed();
      this.#flow = this.#engine = new NativeTlsEngine({ ...options, connection, below, isPaused: isAppPaused, onFlushed });
    } else {
      this.#engine = new TlsEngine({ ...options, writer });
    }
    if (this.#isFreed) this.#engine.destroy();
    else this.#ciphertext.unblock();
  }

  onSecure(): void {
    if (this.#stage !== 'handshake' || !this.#engine) return;
    const { socket } = this.#engine;
    this.#stage = 'verifying';
    this.#ciphertext.block();
    this.#guard(() => {
      const verdict = tlsVerdict(this.#role, socket, this.#resumption.offered);
      if (isObservable(verdict)) {
        this.#subscribe(
          verdict,
          (peer) => this.#accept(peer, socket),
          (reason) => this.#refuse(asError(reason)),
        );
      } else this.#accept(verdict, socket);
    });
  }

  /** Connects the application. Plaintext of the last handshake message is emitted first, then the queued ciphertext is processed. */
  #accept(peer: AcceptedPeer, socket: TLSSocket): void {
    if (this.#stage !== 'verifying') return;
    this.#stage = 'open';
    this.#timeout?.unsubscribe();
    this.#resumption.accept(peer.certificates);
    const details = (this.#details = describePeer(this.#ports.dial.layer, peer, socket, this.#resumption));
    if (this.#contextProblem !== undefined) details.secureContextError = this.#contextProblem;
    this.#lateRefusal?.open(socket);
    if (this.#engine?.isNative) this.#output = new NativeTlsOutput(this.#ports);
    this.#ports.up.next({ kind: 'connected', details: [details, ...this.#detailsBelow] });
    this.#reader.open(this.#lateRefusal);
    if (this.#isFreed) return;
    if (this.#engine?.isNative) this.#writer.moveTo(this.#output);
    else this.#writer.open(socket);
    this.#flow.open();
  }

  /** Rejects the peer. The error is reported when close_notify has been written. */
  #refuse(cause: Error): void {
    if (this.#stage !== 'verifying') return;
    this.#pendingError = this.#errorOf(cause, ETLSCERT);
    this.#stage = 'refusing';
    this.#reader.close();
    this.#resumption.forget();
    this.#engine?.close();
    if (this.#engine?.isNative) this.#ports.down.next(END);
  }

  /** Processes ciphertext, or the end of the wire below. */
  #process(signal: DataSignal | EndSignal): void {
    if (this.#isFreed) return;
    if (signal.kind === 'data') this.#engine?.decrypt?.(signal.bytes);
    else if (this.#isConnecting) this.fail(endInHandshake());
    else this.#reader.endOfWire();
  }

  onTruncated(): void {
    if (this.#details) this.#details.truncated = true;
    if (this.#role.truncation !== 'error') return;
    this.fail(new Error('connection closed without close_notify: its data may be cut off'), ETLSTRUNCATED);
  }

  #onFlushed(): void {
    this.#closeNotifySent = true;
    if (this.#stage === 'refusing') this.fail();
    else this.completeIfEnded();
  }

  /** Completes the wire below when the application has closed, or when both directions have ended. */
  completeIfEnded(): void {
    if (this.#closeNotifySent && (this.#reader.hasEnded || this.#stage === 'closing')) this.#ports.down.complete();
  }

  /** Errors the stream. While closing, completes the wire below first. */
  fail(cause?: Error, code?: ErrorCode): void {
    if (this.#isFreed) return;
    if (this.#isConnecting) this.#resumption.forget();
    const error = this.#pendingError ?? this.#errorOf(cause, code);
    if (this.#stage !== 'closing') {
      this.#ports.up.error(error);
    } else if (!this.#pendingError) {
      // Bytes written before the close may still be queued below, and an error would drop them.
      this.#pendingError = error;
      this.#ports.down.complete();
    }
  }

  #errorOf(cause: Error | undefined, code: ErrorCode | undefined): IOStreamError {
    const phase = this.#isConnecting ? 'handshake' : this.#stage === 'closing' ? 'close' : 'read';
    return tlsError(cause, { phase, layer: this.#ports.dial.layer, code, message: this.#engine?.clearText });
  }

  /** Calls `step`. A throw refuses the peer, or fails the connection. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (thrown) {
      if (this.#stage === 'verifying') this.#refuse(asError(thrown));
      else this.fail(asError(thrown));
    }
  }

  /** Subscribes until the layer is freed. */
  #subscribe<T>(source: Observable<T>, next: (value: T) => void, error: (reason: unknown) => void): void {
    const subscriber = guardedSubscriber<T>({ next, error, complete: noop, caught: (thrown) => this.fail(asError(thrown)) });
    this.#subscriptions.add(subscriber);
    source.subscribe(subscriber);
  }
}
