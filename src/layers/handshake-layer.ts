import type { Subscription } from 'rxjs';
import { IOStreamError, type ErrorCode } from '../errors.ts';
import { Conversation } from '../protocol/conversation.ts';
import type { Link } from '../protocol/link.ts';
import type { Talk } from '../protocol/need.ts';
import { Fifo } from '../util/fifo.ts';
import { withEndpoints } from '../wire/endpoints.ts';
import type { Layer, LayerContext } from '../wire/layer.ts';
import { PAUSE, RESUME, type Dial, type Flow, type LayerDetails, type Target, type Up } from '../wire/signal.ts';
import { ConversationDriver, type ConversationHost, type ConversationInput } from './conversation-driver.ts';
import { handshakeBroken, handshakeDeadline } from './handshake-deadline.ts';

/** The facts that a handshake has learned. */
export type HandshakeFacts = Readonly<Record<string, unknown>> | void;

/** What a {@link HandshakeLayer} does before it is open. */
export interface HandshakeSteps {
  readonly talk: (link: Link, target: Target | undefined, below: readonly LayerDetails[]) => Talk<HandshakeFacts>;
  /** The error code if the peer ends before the conversation does. */
  readonly early?: ErrorCode | undefined;
  /** Whether the wire below dials another address than the target. `resolved` is not passed on then. */
  readonly dialsOther: boolean;
}

/** How many bytes are read ahead while the conversation waits for something other than bytes. */
const READ_AHEAD = 64 * 1024;

/**
 * Runs a conversation before the bytes of the application.
 *
 * ```text
 *   dialling ──connected──▶ talking ──the conversation returns──▶ opening ──queues are empty──▶ open
 *                              └── close ──▶ closing
 * ```
 */
export class HandshakeLayer implements Layer, ConversationHost<HandshakeFacts> {
  #stage: 'dialling' | 'talking' | 'opening' | 'open' | 'closing' = 'dialling';
  readonly #steps: HandshakeSteps;
  readonly #ports: LayerContext;
  readonly #dial: Dial;
  #conversation: Conversation<HandshakeFacts> | undefined;
  #driver: ConversationDriver<HandshakeFacts> | undefined;
  #below: readonly LayerDetails[] = [];
  #timer: Subscription | undefined;
  /** Bytes of the conversation itself that are not yet `sent`. */
  #own = 0;
  /** Whether the wire below is paused because the read-ahead is full. */
  #isReadAheadFull = false;
  /** Whether the last signal of the application before the end of the handshake was a pause. */
  #isPaused = false;
  /** Signals of both sides, until the conversation reads them or the layer is open. */
  readonly #inbound = new Fifo<Up>();
  readonly #outbound = new Fifo<Flow>();

  /** @param dial the request that this layer got. */
  constructor(steps: HandshakeSteps, ports: LayerContext, dial: Dial) {
    this.#steps = steps;
    this.#ports = ports;
    this.#dial = dial;
  }

  // Signals and the end of the connection

  down(signal: Flow): void {
    if (this.#stage === 'open') this.#ports.down.next(signal);
    else if (signal.kind === 'data' || signal.kind === 'end') this.#outbound.push(signal);
    else if (this.#stage === 'opening') this.#ports.down.next(signal);
    else this.#isPaused = signal.kind === 'pause';
  }

  up(signal: Up): void {
    const { up } = this.#ports;
    if (signal.kind === 'sent' && this.#own > 0) {
      const own = Math.min(this.#own, signal.bytes);
      this.#own -= own;
      if (this.#stage === 'open') this.#leaveIfDone();
      if (signal.bytes > own) up.next({ kind: 'sent', bytes: signal.bytes - own });
    } else if (this.#stage === 'open' || signal.kind === 'pause' || signal.kind === 'resume') {
      up.next(signal);
    } else if (this.#stage === 'dialling') {
      if (signal.kind === 'connected') this.#start(signal.details);
      else if (!this.#steps.dialsOther) up.next(signal);
    } else if (this.#stage !== 'closing') {
      this.#inbound.push(signal);
      this.#driver?.run();
    }
  }

  closing(): void {
    if (this.#stage === 'opening') {
      // Closed from inside `next`: signals queued before the close are written before the end.
      for (let signal = this.#outbound.shift(); signal; signal = this.#outbound.shift()) this.#ports.down.next(signal);
    } else if (this.#stage !== 'open') {
      this.free();
      this.#stage = 'closing';
    }
  }

  closed(): void {
    this.#driver?.end();
  }

  failed(error: unknown): unknown {
    if (!this.#driver || this.#driver.hasEnded) return error;
    const thrown = this.#driver.fail(error);
    // Also if the conversation returns: the connection is broken.
    return thrown === error ? handshakeBroken(error, this.#dial) : this.#asHandshakeError(thrown);
  }

  free(): void {
    this.#timer?.unsubscribe();
    this.#driver?.return();
    if (this.#stage === 'talking') this.#stage = 'closing';
  }

  // The conversation

  nextInput(isWaiting: boolean): ConversationInput | undefined {
    if (isWaiting && this.#conversation && this.#conversation.unread >= READ_AHEAD) this.#limitReadAhead(true);
    const signal = this.#inbound.peek();
    if (signal?.kind === 'data') {
      this.#inbound.shift();
      return signal;
    }
    // The end stays in the queue: the layer above needs it, too.
    return signal?.kind === 'end' && !isWaiting ? signal : undefined;
  }

  onAnswer(): void {
    this.#limitReadAhead(false);
  }

  write(bytes: Uint8Array): void {
    this.#own += bytes.length;
    this.#ports.down.next({ kind: 'data', bytes });
  }

  onThrow(error: unknown): void {
    this.#ports.up.error(this.#asHandshakeError(error));
  }

  onReturn(facts: HandshakeFacts): void {
    const { up, down } = this.#ports;
    const unread = this.#conversation?.takeUnread();
    this.#timer?.unsubscribe();
    this.#conversation = undefined;
    this.#driver = undefined;
    this.#stage = 'opening';
    if (this.#isPaused) down.next(PAUSE);
    const own = withEndpoints({ ...facts, layer: this.#dial.layer }, (facts as LayerDetails | undefined)?.endpoints);
    up.next({ kind: 'connected', details: [own, ...this.#below] });
    if (unread && unread.length > 0) up.next({ kind: 'data', bytes: unread });
    this.#emitQueued();
    this.#stage = 'open';
    this.#leaveIfDone();
  }

  /** An open layer is needed only until the bytes of its conversation are sent. */
  #leaveIfDone(): void {
    if (this.#own === 0) this.#ports.leave();
  }

  #start(below: readonly LayerDetails[]): void {
    const steps = this.#steps;
    this.#stage = 'talking';
    this.#below = below;
    this.#timer = handshakeDeadline(this.#dial, 'handshake', (error) => this.#ports.up.error(error));
    this.#conversation = new Conversation((link) => steps.talk(link, this.#dial.to, below), { phase: 'handshake', early: steps.early });
    this.#driver = new ConversationDriver(this.#conversation, this);
    this.#driver.run();
  }

  #limitReadAhead(isFull: boolean): void {
    if (isFull === this.#isReadAheadFull) return;
    this.#isReadAheadFull = isFull;
    this.#ports.down.next(isFull ? PAUSE : RESUME);
  }

  /** Emits the queued signals. Either side may add to the queues from inside `next`. Inbound signals come first. */
  #emitQueued(): void {
    const { up, down } = this.#ports;
    while (this.#inbound.length + this.#outbound.length > 0) {
      const inbound = this.#inbound.shift();
      const outbound = inbound ? undefined : this.#outbound.shift();
      if (inbound) up.next(inbound);
      else if (outbound) down.next(outbound);
    }
  }

  #asHandshakeError(error: unknown): IOStreamError {
    return IOStreamError.from(error, { phase: 'handshake', layer: this.#dial.layer });
  }
}
