import { catchError, defer, first, map, of, type Observable, type ObservableInput, type Subscription } from 'rxjs';
import { IOStreamError, type ErrorCode } from '../errors.ts';
import { Conversation, type Link, type Need } from '../protocol/link.ts';
import { handshakeBroken, handshakeDeadline } from './handshake-deadline.ts';
import { describeWithType } from '../util/describe.ts';
import { layer, type Layer, type LayerContext } from '../wire/layer.ts';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import { ownOptions } from '../util/own-options.ts';
import { PAUSE, RESUME, type Dial, type Flow, type LayerDetails, type Plugin, type Target, type Up } from '../wire/signal.ts';

/** The address and the conversation of a handshake. */
export interface HandshakeOptions<Facts = Readonly<Record<string, unknown>> | void> {
  /** The address to dial instead of the target. The stream must have a target then; otherwise `{fh} already connected` is thrown. */
  readonly to?: Target | undefined;
  /** The error code if the peer ends before the conversation does. @default 'EPROTOCOL' */
  readonly early?: ErrorCode | undefined;
  /**
   * The conversation. It sends with `link.send`, reads exact amounts with `yield* link.read(n)`, and waits for anything else with
   * `yield* link.wait(() => …)`. Its return value becomes the layer's details. Unread bytes go to the layer above. An error that it
   * throws errors the stream.
   */
  readonly talk: (link: Link, target: Target | undefined) => Generator<Need, Facts, Uint8Array>;
}

/**
 * Creates a plugin from a conversation before the bytes of the application, as with a proxy.
 *
 * ```text
 *   application            handshake               wire
 *        │                     │◀──── connected ─────│
 *        │                     │────── data ────────▶│   talk: link.send(…)
 *        │                     │◀───── data ─────────│   talk: yield* link.read(…)
 *        │◀──── connected ─────│   `talk` returns    │
 *        │◀═══════════════ bytes, both ways ════════▶│
 * ```
 *
 * The conversation may take `timeouts.handshake` in total, counted from the connection of the wire below, and never more than remains
 * of `establish`. After the handshake, each signal costs one comparison.
 *
 * **Errors**
 * - Up errors with what the conversation throws: an `IOStreamError` unchanged, anything else as EPROTOCOL with the `cause`. The wire
 *   below is freed.
 * - If the wire below breaks, its error is thrown into the conversation, which may throw a more specific error with that as `cause`.
 *   Otherwise Up errors with the same code in phase `handshake` and the name of this layer.
 * - EPROTOCOL, or the code `early`, if the peer ends before the conversation does. ETOHANDSHAKE on timeout.
 *
 * **Closing**
 * - Unsubscribe, close and reset run the `finally` blocks of the conversation and free the wire below.
 *
 * **Backpressure**
 * - A `pause` of the application is forwarded after the handshake.
 * - Bytes after the last reply reach the layer above, in order. `sent` excludes bytes of the handshake. Lossless.
 *
 * **Memory**
 * - During `link.wait`, at most 64 KiB are read ahead, so that a reset is noticed.
 *
 * ```ts
 * import { handshake, type Plugin } from 'rxjs-io-stream';
 *
 * export const knock = (word: string): Plugin =>
 *   handshake({
 *     *talk(link) {
 *       link.send(`${word}\n`);
 *       const answer = yield* link.readUntil('\n', 256);
 *       return { answer };
 *     },
 *   });
 * ```
 *
 * @param options the conversation as `talk`, and the address to dial as `to`.
 * @throws TypeError without a `talk`, at the call. For a plugin with `to` in a stream without a target, at the dial. A conversation
 *   that uses `yield` instead of `yield*` errors the stream with a TypeError that names `yield*`.
 * @see {@link transform}
 */
export function handshake<Facts extends object | void>(options: HandshakeOptions<Facts>): Plugin<Facts extends object ? Facts : unknown> {
  const given = ownOptions(options, 'handshake', ['to', 'early', 'talk']);
  const to = given.to && ownOptions(given.to, '`to`');
  const talk: unknown = given.talk;
  if (typeof talk !== 'function')
    throw new TypeError(`expected \`talk\` of handshake to be a generator function, got ${describeWithType(talk)}`);
  return (wire) => (dial) => {
    if (to && !dial.to)
      throw new TypeError('{fh} already connected: a plugin that dials its own address needs host and port, not fh or wire');
    const below: Dial = to ? { ...dial, to } : dial;
    return layer(wire, below, (ports) => new HandshakeLayer(given as HandshakeOptions<Learned>, ports, dial));
  };
}

type Stage = 'dialling' | 'talking' | 'opening' | 'open' | 'closing';
type Learned = Readonly<Record<string, unknown>> | void;
type Step<T = Learned> = (talk: Conversation<T>) => IteratorResult<Need, T>;
type Question = Extract<Need, { readonly wait: unknown }>;

/**
 * Subscribes to the answer that a conversation waits for. Emits the one step with which the conversation continues.
 *
 * @internal
 */
export function answerTo<T>({ wait }: Question): Observable<Step<T>> {
  return defer(wait as () => ObservableInput<unknown>).pipe(
    first(),
    map(
      (value): Step<T> =>
        (talk) =>
          talk.answer(value),
    ),
    catchError((error: unknown) => of<Step<T>>((talk) => talk.reject(error))),
  );
}

/** How many bytes are read ahead while the conversation waits for something other than bytes. */
const READ_AHEAD = 64 * 1024;

class HandshakeLayer implements Layer {
  #stage: Stage = 'dialling';
  readonly #options: HandshakeOptions<Learned>;
  readonly #ports: LayerContext;
  readonly #dial: Dial;
  #conversation: Conversation<Learned> | undefined;
  #below: readonly LayerDetails[] = [];
  #timer: Subscription | undefined;
  /** Bytes of the conversation itself that are not yet `sent`. */
  #own = 0;
  /** The answer that the conversation waits for, its subscription, and the step that results from it. */
  #question: Question | undefined;
  #asking: Subscription | undefined;
  #reply: Step | undefined;
  /** Whether the wire below is paused because the read-ahead is full. */
  #held = false;
  /** Whether a step of the conversation is running. Signals that arrive during a step are processed in the next one. */
  #stepping = false;
  /** Whether the last signal of the application before the end of the handshake was a pause. */
  #paused = false;
  /** Signals from either side that are queued until the next step, or until the leftover bytes have been emitted. */
  #flowQueue: Flow[] = [];
  /** The number of queued outbound signals already written. An index, because `shift` on a long array copies all of it. */
  #handedDown = 0;
  #upQueue: Up[] = [];

  constructor(options: HandshakeOptions<Learned>, ports: LayerContext, dial: Dial) {
    this.#options = options;
    this.#ports = ports;
    this.#dial = dial;
  }

  down(signal: Flow): void {
    if (this.#stage === 'open') this.#ports.down.next(signal);
    else if (signal.kind === 'data' || signal.kind === 'end') this.#flowQueue.push(signal);
    else if (this.#stage === 'opening') this.#ports.down.next(signal);
    else this.#paused = signal.kind === 'pause';
  }

  up(signal: Up): void {
    const { up } = this.#ports;
    if (signal.kind === 'sent' && this.#own > 0) {
      const own = Math.min(this.#own, signal.bytes);
      this.#own -= own;
      if (signal.bytes > own) up.next({ kind: 'sent', bytes: signal.bytes - own });
    } else if (this.#stage === 'open' || signal.kind === 'pause' || signal.kind === 'resume') {
      up.next(signal);
    } else if (this.#stage === 'dialling') {
      if (signal.kind === 'connected') this.#begin(signal.details);
      else if (!this.#options.to) up.next(signal);
    } else if (this.#stage !== 'closing') {
      this.#upQueue.push(signal);
      this.#listen();
    }
  }

  closing(): void {
    if (this.#stage === 'opening') {
      // Closed from inside `next`: signals queued before the close are written before the end.
      for (let flow = this.#nextFlow(); flow; flow = this.#nextFlow()) this.#ports.down.next(flow);
    } else if (this.#stage !== 'open') {
      this.free();
      this.#stage = 'closing';
    }
  }

  closed(): void {
    this.#asking?.unsubscribe();
    if (this.#stage === 'talking') this.#advance((talk) => talk.end());
  }

  failed(error: unknown): unknown {
    if (this.#stage !== 'talking') return error;
    this.#asking?.unsubscribe();
    try {
      this.#conversation?.throw(error);
    } catch (thrown) {
      if (thrown !== error) return IOStreamError.from(thrown, { phase: 'handshake', layer: this.#dial.layer });
    }
    return handshakeBroken(error, this.#dial); // Also if the conversation returns: the connection is broken.
  }

  free(): void {
    this.#timer?.unsubscribe();
    this.#asking?.unsubscribe();
    if (this.#stage !== 'talking') return;
    this.#stage = 'closing';
    this.#conversation?.return();
  }

  #begin(below: readonly LayerDetails[]): void {
    this.#stage = 'talking';
    this.#below = below;
    this.#timer = handshakeDeadline(this.#dial, 'handshake', (error) => this.#ports.up.error(error));
    this.#conversation = new Conversation((link) => this.#options.talk(link, this.#dial.to), {
      phase: 'handshake',
      early: this.#options.early,
    });
    this.#advance((talk) => talk.start());
    this.#listen();
  }

  /** Passes queued signals to the conversation until it waits or ends. */
  #listen(): void {
    while (this.#stage === 'talking' && !this.#stepping) {
      const reply = this.#reply;
      const [signal] = this.#upQueue;
      if (reply) {
        this.#reply = undefined;
        this.#question = undefined;
        this.#advance((talk) => {
          this.#hold(false);
          return reply(talk);
        });
      } else if (signal?.kind === 'data') {
        this.#upQueue.shift();
        this.#advance((talk) => talk.push(signal.bytes));
      } else if (signal?.kind === 'end' && !this.#question) {
        this.#advance((talk) => talk.end()); // The signal stays queued: the layer above needs it, too.
      } else return;
    }
  }

  /** Subscribes to the answer once. A synchronous answer also becomes the next step, without recursion. */
  #ask(question: Question): void {
    const answer = guardedSubscriber<Step>({
      next: (step) => {
        this.#reply = step;
        this.#listen();
      },
      error: (error: unknown) => this.#ports.up.error(error),
      complete: () => undefined,
    });
    this.#question = question;
    this.#asking = answer;
    this.#stepping = true;
    answerTo<Learned>(question).subscribe(answer);
    this.#stepping = false;
  }

  #hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    this.#ports.down.next(held ? PAUSE : RESUME);
  }

  /**
   * Runs one step of the conversation, then writes its output as one chunk. So a synchronous reply never arrives in the middle of a
   * step.
   */
  #advance(step: Step): void {
    const conversation = this.#conversation;
    if (!conversation) return;
    let result: IteratorResult<Need, Learned>;
    this.#stepping = true;
    try {
      result = step(conversation);
    } catch (error) {
      this.#ports.up.error(IOStreamError.from(error, { phase: 'handshake', layer: this.#dial.layer }));
      return;
    }
    if (result.done) this.#stage = 'opening';
    const said = conversation.takeOutput();
    if (said.length > 0) {
      this.#own += said.length;
      this.#ports.down.next({ kind: 'data', bytes: said });
    }
    this.#stepping = false;
    if (result.done) this.#open(result.value ?? {}, conversation.takeUnread());
    else if (this.#stage !== 'talking' || !('wait' in result.value)) return;
    else if (this.#question !== result.value) this.#ask(result.value);
    else this.#hold(conversation.unread >= READ_AHEAD);
  }

  #open(details: Readonly<Record<string, unknown>>, leftover: Uint8Array): void {
    const { up, down } = this.#ports;
    this.#timer?.unsubscribe();
    this.#conversation = undefined;
    if (this.#paused) down.next(PAUSE);
    up.next({ kind: 'connected', details: [{ ...details, layer: this.#dial.layer }, ...this.#below] });
    if (leftover.length > 0) up.next({ kind: 'data', bytes: leftover });
    // Either side may add to the queues from inside `next`. Queued signals keep their order before later ones.
    for (let handedUp = 0; ;) {
      const signal = this.#upQueue[handedUp];
      const flow = signal ? undefined : this.#nextFlow();
      if (signal) {
        handedUp += 1;
        up.next(signal);
      } else if (flow) down.next(flow);
      else break;
    }
    this.#upQueue = [];
    this.#flowQueue = [];
    if (this.#stage === 'opening') this.#stage = 'open';
  }

  #nextFlow(): Flow | undefined {
    const flow = this.#flowQueue[this.#handedDown];
    if (flow) this.#handedDown += 1;
    return flow;
  }
}
