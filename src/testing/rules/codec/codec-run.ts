import { from, Subject, type Observable } from 'rxjs';
import { concatBytes } from '../../../util/concat-bytes.ts';
import { EMPTY_BYTES } from '../../../util/empty-bytes.ts';
import { asText } from '../../../util/log-format.ts';
import { show } from '../../bytes.ts';
import { MutationDetector } from '../../mutation-detector.ts';
import { until } from '../event-loop.ts';
import type { Findings } from '../findings.ts';
import { RuleViolation } from '../rule-violation.ts';
import type { CodecUnderTest } from './codec-under-test.ts';
import type { Outcome } from './outcome.ts';
import type { Sample } from './sample.ts';

/** The values of one check. See `CheckCodecOptions`. */
export interface CodecSetup {
  readonly codec: CodecUnderTest<unknown, unknown>;
  readonly messages: readonly unknown[];
  readonly values: readonly unknown[];
  readonly frames: readonly Uint8Array[] | undefined;
  readonly tooLong: Uint8Array | undefined;
  readonly limits: Readonly<Record<'single' | 'pairs' | 'random' | 'seed' | 'corrupted' | 'timeout', number>>;
}

/** Maximum number of chunks in a message. */
const MAX_SHOWN = 12;

/** The context of the cases of `checkCodec`. */
export class CodecRun {
  readonly setup: CodecSetup;
  readonly codec: CodecUnderTest<unknown, unknown>;
  /** Tracks all decoded bytes. */
  readonly mutations: MutationDetector = new MutationDetector();
  readonly #findings: Findings;

  constructor(setup: CodecSetup, findings: Findings) {
    this.setup = setup;
    this.codec = setup.codec;
    this.#findings = findings;
  }

  /** Encodes messages with one subscription; returns the bytes of each message. */
  encode(messages: readonly unknown[] = this.setup.messages): Uint8Array[] {
    const message$ = new Subject<unknown>();
    const frames: Uint8Array[] = [];
    let chunks: Uint8Array[] = [];
    let failure: { readonly error: unknown } | undefined;
    message$.pipe(this.codec.encode()).subscribe({ next: (chunk) => chunks.push(chunk), error: (error: unknown) => (failure = { error }) });
    for (const message of messages) {
      message$.next(message);
      if (failure) throw new RuleViolation(1, `encode() errored at a message: ${asText(failure.error)}`);
      frames.push(concatBytes(chunks));
      chunks = [];
    }
    return frames;
  }

  /** Returns a sample of each single message, the shortest first, then one of all messages. */
  samples(): Sample[] {
    const { messages, values } = this.setup;
    const single = messages.map((message, at): Sample => {
      const [frame = EMPTY_BYTES] = this.encode([message]);
      return { frames: [frame], bytes: frame, values: [values[at]] };
    });
    return [...single.sort((a, b) => a.bytes.length - b.bytes.length), this.all()];
  }

  /** Returns the sample of all messages. */
  all(): Sample {
    const frames = this.encode();
    return { frames, bytes: concatBytes(frames), values: this.setup.values };
  }

  /** Decodes copies of the chunks, then the end. */
  decode(chunks: readonly Uint8Array[]): Promise<Outcome> {
    return this.run(from(chunks.map((chunk) => new Uint8Array(chunk))).pipe(this.codec.decode()));
  }

  run(value$: Observable<unknown>): Promise<Outcome> {
    return this.settled(this.watch(value$));
  }

  /** Waits for the end of a stream that has not ended synchronously. */
  async settled(outcome: Outcome): Promise<Outcome> {
    if (outcome.end === 'open') await until(() => outcome.end !== 'open', { timeout: this.setup.limits.timeout });
    return outcome;
  }

  /** @param onValue called with each message, from inside `next`. */
  watch(value$: Observable<unknown>, onValue: () => void = () => undefined): Outcome {
    this.#findings.cases += 1;
    const outcome: Outcome = { values: [], end: 'open' };
    value$.subscribe({
      next: (value) => {
        if (value instanceof Uint8Array) this.mutations.track(value, 'decoded bytes');
        outcome.values.push(value instanceof Uint8Array ? new Uint8Array(value) : value);
        onValue();
      },
      error: (error: unknown) => Object.assign(outcome, { end: 'error', error }),
      complete: () => (outcome.end = 'complete'),
    });
    return outcome;
  }

  /**
   * Adds a finding with the chunks that cause it.
   *
   * @param problem the finding; undefined adds nothing.
   * @param note what follows the chunks, for example `then the end`.
   */
  report(rule: number, problem: string | undefined, chunks: readonly Uint8Array[], note = ''): void {
    if (problem === undefined) return;
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const shown = chunks.slice(0, MAX_SHOWN).map(show).join(' ') || 'nothing';
    const more = chunks.length > MAX_SHOWN ? ` and ${chunks.length - MAX_SHOWN} more chunks` : '';
    this.#findings.add(rule, problem, `${shown}${more}${note === '' ? '' : ` (${note})`}`, length + chunks.length);
  }

  /** Whether a violation of a rule was found. */
  isBroken(rule: number): boolean {
    return this.#findings.has(rule);
  }
}
