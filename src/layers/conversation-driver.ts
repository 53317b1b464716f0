import { catchError, defer, first, map, noop, of, type Observable, type ObservableInput, type Subscription } from 'rxjs';
import type { Conversation } from '../protocol/conversation.ts';
import type { AnswerNeed, Need } from '../protocol/need.ts';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';

/** What continues a conversation: bytes, the end of the peer, or an error of the connection. */
export type ConversationInput =
  { readonly kind: 'data'; readonly bytes: Uint8Array } | { readonly kind: 'end' } | { readonly kind: 'error'; readonly error: unknown };

/** What the driver itself continues a conversation with: the start, or the answer that it waits for. */
type OwnInput =
  | { readonly kind: 'start' }
  | { readonly kind: 'answer'; readonly value: unknown }
  | { readonly kind: 'rejection'; readonly error: unknown };

/** The connection on which a conversation takes place. */
export interface ConversationHost<T> {
  /**
   * Returns the next input that has arrived, if there is one.
   *
   * @param isWaiting whether the conversation waits for an answer. The end of the peer may then be returned later.
   */
  nextInput(isWaiting: boolean): ConversationInput | undefined;
  /** Called before the conversation continues with the answer that it waited for. */
  onAnswer?(): void;
  /** Writes the output of one step. */
  write(bytes: Uint8Array): void;
  /** Called when the conversation has returned. */
  onReturn(value: T): void;
  /** Called when the conversation has thrown. The output of that step is not written. */
  onThrow(error: unknown): void;
}

/**
 * Runs a conversation step by step: continues it with each input, writes its output, and subscribes to the answers that it waits for.
 *
 * ```text
 *   host.nextInput ──▶ conversation ──▶ host.write, once for each step
 *          answer$ ──▶              ──▶ host.onReturn or host.onThrow
 * ```
 *
 * Inputs that arrive during a step are processed in the next one, without recursion.
 */
export class ConversationDriver<T> {
  readonly #conversation: Conversation<T>;
  readonly #host: ConversationHost<T>;
  /** The input that precedes those of the host. */
  #ownInput: OwnInput | undefined = { kind: 'start' };
  /** The answer that the conversation waits for, and its subscription. */
  #question: AnswerNeed | undefined;
  #asking: Subscription | undefined;
  #isRunning = false;
  #hasEnded = false;

  constructor(conversation: Conversation<T>, host: ConversationHost<T>) {
    this.#conversation = conversation;
    this.#host = host;
  }

  /** Whether the conversation has returned or thrown, or was stopped. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Runs steps until there is no input. Call it at the start, and whenever an input has arrived. */
  run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let input = this.#nextInput(); input; input = this.#nextInput()) this.#step(input);
    this.#isRunning = false;
  }

  /** Ends the conversation at once, also while it waits for an answer: the peer has closed. */
  end(): void {
    if (this.#hasEnded) return;
    this.#asking?.unsubscribe();
    this.#step({ kind: 'end' });
  }

  /**
   * Throws an error of the connection into the conversation, and stops it. Its output is not written.
   *
   * @returns what the conversation throws then; `error` if it does not throw.
   */
  fail(error: unknown): unknown {
    this.#stop();
    try {
      this.#conversation.throw(error);
    } catch (thrown) {
      return thrown;
    } finally {
      this.#conversation.return();
    }
    return error;
  }

  /** Stops the conversation: its `finally` blocks run, and the answer that it waits for is unsubscribed. */
  return(): void {
    if (this.#hasEnded) return;
    this.#stop();
    this.#conversation.return();
  }

  #stop(): void {
    this.#hasEnded = true;
    this.#asking?.unsubscribe();
  }

  #nextInput(): ConversationInput | OwnInput | undefined {
    if (this.#hasEnded) return undefined;
    const own = this.#ownInput;
    if (!own) return this.#host.nextInput(this.#question !== undefined);
    this.#ownInput = undefined;
    if (!this.#question) return own;
    this.#question = undefined;
    this.#host.onAnswer?.();
    return this.hasEnded ? undefined : own;
  }

  #step(input: ConversationInput | OwnInput): void {
    const host = this.#host;
    let result: IteratorResult<Need, T>;
    try {
      result = continued(this.#conversation, input);
    } catch (error) {
      this.#stop();
      host.onThrow(error);
      return;
    }
    const wasStopped = this.#hasEnded;
    if (result.done) this.#stop();
    const output = this.#conversation.takeOutput();
    if (output.length > 0) host.write(output);
    if (wasStopped) return;
    if (result.done) host.onReturn(result.value);
    else if (!this.#hasEnded && 'wait' in result.value && result.value !== this.#question) this.#ask(result.value);
  }

  /** Subscribes to the answer. A synchronous answer is processed by the loop in `run`. */
  #ask(question: AnswerNeed): void {
    const answer = guardedSubscriber<OwnInput>({
      next: (input) => {
        this.#ownInput = input;
        this.run();
      },
      error: (error: unknown) => this.#host.onThrow(error),
      complete: noop,
    });
    this.#question = question;
    this.#asking = answer;
    answerTo(question).subscribe(answer);
  }
}

/** Emits the one input with which the conversation continues. */
function answerTo({ wait }: AnswerNeed): Observable<OwnInput> {
  return defer(wait as () => ObservableInput<unknown>).pipe(
    first(),
    map((value): OwnInput => ({ kind: 'answer', value })),
    catchError((error: unknown) => of<OwnInput>({ kind: 'rejection', error })),
  );
}

function continued<T>(conversation: Conversation<T>, input: ConversationInput | OwnInput): IteratorResult<Need, T> {
  switch (input.kind) {
    case 'start':
      return conversation.start();
    case 'data':
      return conversation.push(input.bytes);
    case 'answer':
      return conversation.answer(input.value);
    case 'rejection':
      return conversation.reject(input.error);
    case 'end':
      return conversation.end();
    case 'error':
      return conversation.throw(input.error);
  }
}
