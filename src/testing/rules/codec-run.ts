import { from, Subject, type Observable } from 'rxjs';
import { concatBytes } from '../../util/concat-bytes.ts';
import { asText } from '../../util/log-format.ts';
import { show, MutationDetector } from '../bytes.ts';
import type { CheckCodecOptions, CodecUnderTest } from './check-codec.ts';
import { until } from './clock.ts';
import type { Findings } from './report.ts';
import { same } from '../same.ts';
import { isNamed } from './wire-cases.ts';
import { RuleViolation } from './wire-run.ts';
import { EMPTY_BYTES } from '../../util/empty-bytes.ts';

/** The messages of a stream, and how it ended. */
export interface Outcome {
  readonly values: unknown[];
  end: 'complete' | 'error' | 'open';
  error?: unknown;
}

/** Some of the messages: their frames, bytes and decoded values. */
export interface Sample {
  readonly frames: readonly Uint8Array[];
  readonly bytes: Uint8Array;
  readonly values: readonly unknown[];
}

type Limits = Readonly<Record<'single' | 'pairs' | 'random' | 'seed' | 'corrupted' | 'timeout', number>>;

/** The context of the cases of {@link checkCodec}. */
export class CodecRun {
  readonly codec: CodecUnderTest<unknown, unknown>;
  readonly messages: readonly unknown[];
  readonly options: CheckCodecOptions<unknown>;
  readonly limits: Limits;
  readonly witness: MutationDetector = new MutationDetector();
  readonly #findings: Findings;

  constructor(
    codec: CodecUnderTest<unknown, unknown>,
    messages: readonly unknown[],
    options: CheckCodecOptions<unknown>,
    findings: Findings,
  ) {
    const { single = 200, pairs = 16, random = 20, seed = 1, corrupted = 300, timeout = 2000 } = options;
    this.codec = codec;
    this.messages = messages;
    this.options = options;
    this.limits = { single, pairs, random, seed, corrupted, timeout };
    this.#findings = findings;
  }

  get values(): readonly unknown[] {
    return this.options.values ?? this.messages;
  }

  /** Encodes the messages with one subscription; returns the bytes of each message. */
  frames(messages: readonly unknown[] = this.messages): Uint8Array[] {
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
    const alone = this.messages.map((message, at): Sample => {
      const [frame = EMPTY_BYTES] = this.frames([message]);
      return { frames: [frame], bytes: frame, values: [this.values[at]] };
    });
    return [...alone.sort((a, b) => a.bytes.length - b.bytes.length), this.whole()];
  }

  whole(): Sample {
    const frames = this.frames();
    return { frames, bytes: concatBytes(frames), values: this.values };
  }

  /** Decodes copies of the chunks, then the end. */
  decode(chunks: readonly Uint8Array[]): Promise<Outcome> {
    return this.run(from(chunks.map((chunk) => new Uint8Array(chunk))).pipe(this.codec.decode()));
  }

  run(source$: Observable<unknown>): Promise<Outcome> {
    return this.settled(this.watch(source$));
  }

  /** Waits for the end of a stream that has not ended synchronously. */
  async settled(outcome: Outcome): Promise<Outcome> {
    if (outcome.end === 'open') await until(() => outcome.end !== 'open', { timeout: this.limits.timeout });
    return outcome;
  }

  /** @param react called with each message, from inside `next`. */
  watch(source$: Observable<unknown>, react: () => void = () => undefined): Outcome {
    this.#findings.cases += 1;
    const outcome: Outcome = { values: [], end: 'open' };
    source$.subscribe({
      next: (value) => {
        if (value instanceof Uint8Array) this.witness.see(value, 'decoded bytes');
        outcome.values.push(value instanceof Uint8Array ? new Uint8Array(value) : value);
        react();
      },
      error: (error: unknown) => Object.assign(outcome, { end: 'error', error }),
      complete: () => (outcome.end = 'complete'),
    });
    return outcome;
  }

  /** Adds a finding with the chunks that cause it. */
  fault(rule: number, problem: string, chunks: readonly Uint8Array[], name = ''): void {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const shown = chunks.slice(0, 12).map(show).join(' ');
    const more = chunks.length > 12 ? ` and ${chunks.length - 12} chunks more` : '';
    this.#findings.add(rule, problem, `${shown || 'nothing'}${more}${name === '' ? '' : ` (${name})`}`, length + chunks.length);
  }

  faultIf(rule: number, problem: string | undefined, chunks: readonly Uint8Array[], name = ''): void {
    if (problem !== undefined && problem !== '') this.fault(rule, problem, chunks, name);
  }

  has(rule: number): boolean {
    return this.#findings.has(rule);
  }
}

/** Describes how an outcome differs from the expected one, if it does. */
export function wrong(outcome: Outcome, values: readonly unknown[], end: 'complete' | 'error' = 'complete'): string | undefined {
  if (!same(outcome.values, values)) return `expected ${inWords(values)}, got ${inWords(outcome.values)}${ending(outcome)}`;
  if (outcome.end !== end)
    return `expected ${end === 'complete' ? 'completion' : 'an error'} after ${inWords(values)}, got none${ending(outcome)}`;
  if (end === 'error' && !isNamed(outcome.error)) return `expected an error with a code and a phase, got ${asText(outcome.error)}`;
  return undefined;
}

function ending({ end, error }: Outcome): string {
  return end === 'error' ? ` and ${asText(error)}` : end === 'open' ? ' and no end' : '';
}

function inWords(values: readonly unknown[]): string {
  const words = values.slice(0, 5).map((value) => (value instanceof Uint8Array ? show(value) : inShort(value).slice(0, 80)));
  return values.length === 0 ? 'no messages' : `${words.join(', ')}${values.length > 5 ? ` and ${values.length - 5} more` : ''}`;
}

/** Returns JSON, or other text for values without JSON: undefined, a bigint, a cyclic object. */
function inShort(value: unknown): string {
  try {
    const text: unknown = JSON.stringify(value);
    return typeof text === 'string' ? text : asText(value);
  } catch {
    return asText(value);
  }
}
