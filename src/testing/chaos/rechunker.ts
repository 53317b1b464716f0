import { Subscription } from 'rxjs';
import { concatBytes } from '../../util/concat-bytes.ts';
import { layer } from '../../wire/layer.ts';
import { END, PAUSE, RESUME, type Flow, type Plugin } from '../../wire/signal.ts';
import { atTickEnd } from '../../util/tick.ts';
import { show } from '../bytes.ts';
import type { CutPlan } from '../rechunk.ts';
import { EMPTY_BYTES } from '../../util/empty-bytes.ts';

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
  readonly drip?: number | undefined;
  /** Pass bytes at once instead of at the end of the tick. */
  readonly sync?: boolean | undefined;
}

/**
 * The layer below a peer: joins the bytes that the peer writes in one tick, so that a reply and the bytes after it are one chunk. Then
 * cuts the whole stream by a plan.
 */
export class Rechunker {
  /** Number of bytes that the peer has written, and that were passed on. */
  offered = 0;
  passed = 0;
  /** Whether the `stop` event has happened. */
  stopped = false;
  readonly #options: RechunkerOptions;
  chunks = 0;
  readonly #shown: string[] = [];
  #hold: (signal: Flow) => void = () => {};

  constructor(options: RechunkerOptions) {
    this.#options = options;
  }

  /** Describes the bytes that were passed on. */
  get text(): string {
    const more = this.chunks > SHOWN ? ` and ${this.chunks - SHOWN} chunks more` : '';
    const chunks = `${this.#shown.join(' ')}${more}` || 'nothing';
    const { stop } = this.#options;
    const stopped = stop && this.passed >= stop.after ? `, then ${stop.how}` : '';
    return `the peer sends ${chunks}${stopped}`;
  }

  /** Pauses reading from the wire. */
  hold(): void {
    this.#hold(PAUSE);
  }

  release(): void {
    this.#hold(RESUME);
  }

  readonly plugin: Plugin = (wire) => (dial) =>
    layer(wire, dial, ({ up, down }) => {
      const { plan, stop, drip, sync = false } = this.#options;
      const cuts = plan.cuts();
      let held: Uint8Array[] = [];
      let waiting = false;
      const jobs = new Subscription();
      const pass = (bytes: Uint8Array): void => {
        this.chunks += 1;
        if (this.chunks <= SHOWN) this.#shown.push(show(bytes));
        this.passed += bytes.length;
        down.next({ kind: 'data', bytes });
      };
      const halt = (): void => {
        if (this.stopped || !stop || this.passed < stop.after) return;
        this.stopped = true;
        if (stop.how === 'end') down.next(END);
        if (stop.how === 'reset') down.error(new Error('the peer resets'));
      };
      const drop = (bytes: Uint8Array): void => {
        let at = 0;
        const next = (): void => {
          if (this.stopped || jobs.closed || at >= bytes.length) return;
          pass(bytes.subarray(at, (at += 1)));
          halt();
          jobs.add(dial.scheduler.schedule(next, drip));
        };
        jobs.add(dial.scheduler.schedule(next, drip));
      };
      const flush = (): void => {
        waiting = false;
        const room = stop ? Math.max(0, stop.after - this.passed) : Infinity;
        const bytes = concatBytes(held).subarray(0, room);
        held = [];
        if (this.stopped || jobs.closed) return;
        if (drip !== undefined) {
          drop(bytes);
          return;
        }
        for (const chunk of split(bytes, this.passed, cuts)) {
          if (plan.empty) pass(EMPTY_BYTES);
          pass(chunk);
        }
        if (plan.empty) pass(EMPTY_BYTES);
        halt();
      };
      this.#hold = (signal) => down.next(signal);
      return {
        up: (signal) => {
          if (signal.kind === 'connected') halt();
          up.next(signal);
        },
        down: (signal) => {
          if (signal.kind === 'data') {
            held.push(signal.bytes);
            this.offered += signal.bytes.length;
            if (sync) flush();
            else if (!waiting) jobs.add(atTickEnd(dial.scheduler, flush));
            waiting = !sync;
          } else {
            if (signal.kind === 'end') flush();
            if (!this.stopped) down.next(signal);
          }
        },
        closing: flush,
        free: () => jobs.unsubscribe(),
      };
    });
}

/** Maximum number of chunks in a message. */
const SHOWN = 12;

/** Splits bytes; `start` is their offset in the whole stream. */
function* split(bytes: Uint8Array, start: number, cuts: (offset: number) => boolean): Generator<Uint8Array> {
  let from = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    if (start + at > 0 && cuts(start + at) && at > from) {
      yield bytes.subarray(from, at);
      from = at;
    }
  }
  if (from < bytes.length) yield bytes.subarray(from);
}
