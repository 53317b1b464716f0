import { catchError, defer, first, map, of, type Observable, type ObservableInput, type Subscription } from 'rxjs';
import { IOStreamError, type ErrorCode } from '../errors.ts';
import { Conversation, type Link, type Need } from '../protocol/link.ts';
import { handshakeBroken, handshakeDeadline } from '../wire/handshaking.ts';
import { typeInWords } from '../wire/in-words.ts';
import { layer, type Layer, type Ports } from '../wire/layer.ts';
import { inlet } from '../wire/operate.ts';
import { ownOptions } from '../wire/own-options.ts';
import { PAUSE, RESUME, type Dial, type Flow, type LayerDetails, type Plugin, type Target, type Up } from '../wire/signal.ts';

/** What a handshake does: whom it dials, and what is said. */
export interface HandshakeOptions<Facts = Readonly<Record<string, unknown>> | void> {
  /** Dialled instead of the target, which the talk must have then: without one, `{fh} already connected` is thrown. */
  readonly to?: Target | undefined;
  /** The code when the peer ends before the conversation does. @default 'EPROTOCOL' */
  readonly early?: ErrorCode | undefined;
  /**
   * The conversation: says things with `link.send`, reads exactly with `yield* link.read(n)`, waits for anything else with
   * `yield* link.wait(() => …)`. What it returns are the layer's details; what it has not read goes to the layer above; what it throws errors the stream.
   */
  readonly talk: (link: Link, target: Target | undefined) => Generator<Need, Facts, Uint8Array>;
}

/**
 * Makes a plugin of a conversation that comes before the bytes of the application, like that of a proxy.
 *
 * ```text
 *   application            handshake               wire
 *        │                     │◀──── connected ─────│
 *        │                     │────── data ────────▶│   talk: link.send(…)
 *        │                     │◀───── data ─────────│   talk: yield* link.read(…)
 *        │◀──── connected ─────│  the talk returned  │
 *        │◀═══════════════ bytes, both ways ════════▶│
 * ```
 *
 * In all it may take `timeouts.handshake`, counted from the moment the wire below is connected (not per read), and never more
 * than is left of `establish`: ETOHANDSHAKE. A `pause` that comes from above meanwhile is passed on when the talk is through.
 * Bytes that come with the last reply reach the layer above, in order. Its own bytes are kept out of `sent`. Once through, a
 * signal costs one comparison.
 *
 * On error of the talk: Up errors with it (an `IOStreamError` as it is, anything else as EPROTOCOL with the `cause`), and the
 * wire below is freed. When that breaks meanwhile, its error is thrown into the talk where it waits. A talk that knows more catches
 * it and throws a better one, with that as `cause`; else Up errors with its code (ECONNRESET, …) in phase `handshake`, with this
 * layer's name, also when the talk returns. On unsubscribe, and when we close or reset: the talk's `finally` blocks run, the wire
 * below is freed. Lossless. While the talk waits for something else than bytes, at most 64 KiB are read ahead (so that a reset is noticed).
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
 * @throws TypeError without a `talk`, at the call; for a plugin with `to` in a stream without a target, at the dial. A conversation that
 *   writes `yield` for `yield*` errors the stream with one that names `yield*`.
 */
export function handshake<Facts extends object | void>(options: HandshakeOptions<Facts>): Plugin<Facts extends object ? Facts : unknown> {
  const given = ownOptions(options, 'handshake', ['to', 'early', 'talk']);
  const to = given.to && ownOptions(given.to, '`to`');
  const talk: unknown = given.talk;
  if (typeof talk !== 'function')
    throw new TypeError(`expected \`talk\` of handshake to be a generator function, got ${typeInWords(talk)}`);
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
 * Asks for what a talk waits for, and emits the one step of the talk that it leads to.
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
    catchError((error: unknown) => of<Step<T>>((talk) => talk.refuse(error))),
  );
}

/** How many bytes are read ahead of a talk that waits for something else. */
const AHEAD = 64 * 1024;

class HandshakeLayer implements Layer {
  #stage: Stage = 'dialling';
  readonly #options: HandshakeOptions<Learned>;
  readonly #ports: Ports;
  readonly #dial: Dial;
  #conversation: Conversation<Learned> | undefined;
  #below: readonly LayerDetails[] = [];
  #timer: Subscription | undefined;
  /** Bytes of the talk itself that have not been `sent` yet. */
  #own = 0;
  /** What the talk waits for, other than bytes; who waits for it; and what came of it. */
  #question: Question | undefined;
  #asking: Subscription | undefined;
  #reply: Step | undefined;
  /** The wire below is paused: the peer gave enough while the talk waits. */
  #held = false;
  /** A step of the talk is under way: what comes from inside it waits for the next. */
  #stepping = false;
  /** The last pause or resume that came from above before the talk was through. */
  #paused = false;
  /** What came from either side and must wait: for the next step of the talk, or until the leftovers have been handed up. */
  #flowQueue: Flow[] = [];
  /** How much of it has been handed down; `shift` on a long array copies all of it. */
  #handedDown = 0;
  #upQueue: Up[] = [];

  constructor(options: HandshakeOptions<Learned>, ports: Ports, dial: Dial) {
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
      // Closed from inside `next`: what was given before goes before the end.
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
      this.#conversation?.fail(error);
    } catch (thrown) {
      if (thrown !== error) return IOStreamError.from(thrown, { phase: 'handshake', layer: this.#dial.layer });
    }
    return handshakeBroken(error, this.#dial); // Also when the talk returns: there is nothing to go on with.
  }

  free(): void {
    this.#timer?.unsubscribe();
    this.#asking?.unsubscribe();
    if (this.#stage !== 'talking') return;
    this.#stage = 'closing';
    this.#conversation?.abandon();
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

  /** Hands what came to the talk, until it is through. */
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
        this.#advance((talk) => talk.end()); // The signal stays: it belongs to the layer above, too.
      } else return;
    }
  }

  /** Asks once. The answer is the next step, also when it comes at once: no recursion. */
  #ask(question: Question): void {
    const answer = inlet<Step>({
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

  /** One step of the talk; then what it said goes down in one piece, so that an answer never finds it in the middle of a step. */
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
    const said = conversation.takeSaid();
    if (said.length > 0) {
      this.#own += said.length;
      this.#ports.down.next({ kind: 'data', bytes: said });
    }
    this.#stepping = false;
    if (result.done) this.#open(result.value ?? {}, conversation.takeUnread());
    else if (this.#stage !== 'talking' || !('wait' in result.value)) return;
    else if (this.#question !== result.value) this.#ask(result.value);
    else this.#hold(conversation.unread >= AHEAD);
  }

  #open(details: Readonly<Record<string, unknown>>, leftover: Uint8Array): void {
    const { up, down } = this.#ports;
    this.#timer?.unsubscribe();
    this.#conversation = undefined;
    if (this.#paused) down.next(PAUSE);
    up.next({ kind: 'connected', details: [{ ...details, layer: this.#dial.layer }, ...this.#below] });
    if (leftover.length > 0) up.next({ kind: 'data', bytes: leftover });
    // Either side may add to the queues from inside `next`; what is queued goes before what comes later.
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
