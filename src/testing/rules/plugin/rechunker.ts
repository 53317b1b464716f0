import { Subscription } from 'rxjs';
import { concatBytes } from '../../../util/concat-bytes.ts';
import { EMPTY_BYTES } from '../../../util/empty-bytes.ts';
import { atTickEnd } from '../../../util/at-tick-end.ts';
import { layer, type Layer, type LayerContext } from '../../../wire/layer.ts';
import { END, PAUSE, RESUME, type Flow, type Plugin, type Up } from '../../../wire/signal.ts';
import { show } from '../../bytes.ts';
import type { CutPlan } from '../../rechunk.ts';

/** An event after `after` bytes of the peer. */
export interface Stop {
  readonly after: number;
  readonly how: 'silence' | 'end' | 'reset';
}

/** The options of a {@link Rechunker}. */
export interface RechunkerOptions {
  readonly plan: CutPlan;
  readonly stop?: Stop | undefined;
  /** Interval in ms: pass one byte at a time. */
  readonly msPerByte?: number | undefined;
  /** Pass bytes at once instead of at the end of the tick. */
  readonly sync?: boolean | undefined;
}

/** Maximum number of chunks in a message. */
const MAX_SHOWN = 12;

/**
 * The layer below a peer: joins the bytes that the peer writes in one tick, so that a reply and the bytes after it are one chunk. Then
 * cuts the whole stream by a plan. Serves one connection.
 */
export class Rechunker {
  /** Number of bytes that the peer has written. */
  written = 0;
  /** Number of bytes, and of chunks, that were passed on. */
  passed = 0;
  chunks = 0;
  /** Whether the `stop` event has happened. */
  isStopped = false;
  readonly #options: RechunkerOptions;
  readonly #shown: string[] = [];
  #layer: RechunkLayer | undefined;

  constructor(options: RechunkerOptions) {
    this.#options = options;
  }

  readonly plugin: Plugin = (wire) => (dial) =>
    layer(wire, dial, (context) => (this.#layer = new RechunkLayer(context, this.#options, this)));

  /** Describes the bytes that were passed on. */
  get text(): string {
    const more = this.chunks > MAX_SHOWN ? ` and ${this.chunks - MAX_SHOWN} more chunks` : '';
    const chunks = `${this.#shown.join(' ')}${more}` || 'nothing';
    const { stop } = this.#options;
    const stopped = stop && this.passed >= stop.after ? `, then ${stop.how}` : '';
    return `the peer sends ${chunks}${stopped}`;
  }

  /** Pauses reading from the wire. */
  pause(): void {
    this.#layer?.send(PAUSE);
  }

  resume(): void {
    this.#layer?.send(RESUME);
  }

  /** Counts a chunk that is passed on. */
  count(bytes: Uint8Array): void {
    this.chunks += 1;
    this.passed += bytes.length;
    if (this.chunks <= MAX_SHOWN) this.#shown.push(show(bytes));
  }
}

class RechunkLayer implements Layer {
  readonly #context: LayerContext;
  readonly #options: RechunkerOptions;
  readonly #counts: Rechunker;
  readonly #isCut: (offset: number) => boolean;
  readonly #jobs = new Subscription();
  /** The bytes that the peer has written in this tick. */
  #queue: Uint8Array[] = [];
  #isScheduled = false;

  constructor(context: LayerContext, options: RechunkerOptions, counts: Rechunker) {
    this.#context = context;
    this.#options = options;
    this.#counts = counts;
    this.#isCut = options.plan.cuts();
  }

  send(signal: Flow): void {
    this.#context.down.next(signal);
  }

  up(signal: Up): void {
    if (signal.kind === 'connected') this.#stopIfDue();
    this.#context.up.next(signal);
  }

  down(signal: Flow): void {
    if (signal.kind !== 'data') {
      if (signal.kind === 'end') this.#flush();
      if (!this.#counts.isStopped) this.send(signal);
      return;
    }
    const { sync = false } = this.#options;
    this.#queue.push(signal.bytes);
    this.#counts.written += signal.bytes.length;
    if (sync) this.#flush();
    else if (!this.#isScheduled) this.#jobs.add(atTickEnd(this.#context.dial.scheduler, () => this.#flush()));
    this.#isScheduled = !sync;
  }

  closing(): void {
    this.#flush();
  }

  free(): void {
    this.#jobs.unsubscribe();
  }

  #flush(): void {
    const { stop, plan, msPerByte } = this.#options;
    this.#isScheduled = false;
    const room = stop ? Math.max(0, stop.after - this.#counts.passed) : Infinity;
    const bytes = concatBytes(this.#queue).subarray(0, room);
    this.#queue = [];
    if (this.#isDone()) return;
    if (msPerByte !== undefined) {
      this.#passSlowly(bytes, msPerByte);
      return;
    }
    for (const chunk of split(bytes, this.#counts.passed, this.#isCut)) {
      if (plan.empty) this.#pass(EMPTY_BYTES);
      this.#pass(chunk);
    }
    if (plan.empty) this.#pass(EMPTY_BYTES);
    this.#stopIfDue();
  }

  #passSlowly(bytes: Uint8Array, msPerByte: number): void {
    const { scheduler } = this.#context.dial;
    let at = 0;
    const next = (): void => {
      if (this.#isDone() || at >= bytes.length) return;
      this.#pass(bytes.subarray(at, (at += 1)));
      this.#stopIfDue();
      this.#jobs.add(scheduler.schedule(next, msPerByte));
    };
    this.#jobs.add(scheduler.schedule(next, msPerByte));
  }

  #pass(bytes: Uint8Array): void {
    this.#counts.count(bytes);
    this.send({ kind: 'data', bytes });
  }

  #isDone(): boolean {
    return this.#counts.isStopped || this.#jobs.closed;
  }

  #stopIfDue(): void {
    const { stop } = this.#options;
    if (this.#counts.isStopped || !stop || this.#counts.passed < stop.after) return;
    this.#counts.isStopped = true;
    if (stop.how === 'end') this.send(END);
    if (stop.how === 'reset') this.#context.down.error(new Error('the peer resets'));
  }
}

/** Splits bytes; `start` is their offset in the whole stream. */
function* split(bytes: Uint8Array, start: number, isCut: (offset: number) => boolean): Generator<Uint8Array> {
  let from = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    if (start + at > 0 && isCut(start + at) && at > from) {
      yield bytes.subarray(from, at);
      from = at;
    }
  }
  if (from < bytes.length) yield bytes.subarray(from);
}
