import { concat, from, NEVER, Observable, of, Subject, take, throwError } from 'rxjs';
import { stackDepth } from './endpoint.ts';
import { concatBytes } from '../../util/concat-bytes.ts';
import { sameBytes, show, MutationDetector } from '../bytes.ts';
import { wrong, type CodecRun, type Outcome, type Sample } from './codec-run.ts';
import { mutate } from '../chaos/mutate.ts';
import { randomOf, rechunk } from '../rechunk.ts';
import { codeOf, same } from '../same.ts';
import { shrink } from './shrink.ts';
import { isNamed } from './wire-cases.ts';

type Case = (run: CodecRun) => Promise<void>;

const MANY = 10_000;
const DEEPER = 200;

/** The case of each rule, from rule 1 on; all others need the first. */
export const CODEC_CASES: readonly Case[] = [roundTrip, cuts, ends, errors, unsubscribes, states, named, owns, synchronous, limit];

async function roundTrip(run: CodecRun): Promise<void> {
  for (const [at, frame] of run.frames().entries()) {
    const expected = run.options.frames?.[at];
    if (expected !== undefined && !sameBytes(frame, bytesOf(expected)))
      run.fault(1, `expected message ${at} to become ${show(bytesOf(expected))}, got ${show(frame)}`, [frame]);
  }
  for (const { frames, values } of run.samples()) run.faultIf(1, wrong(await run.decode(frames), values), frames);
}

async function cuts(run: CodecRun): Promise<void> {
  const { single, pairs, random, seed: from } = run.limits;
  for (const { bytes, values } of run.samples()) {
    for (const empty of [false, true]) {
      for (const { name, chunks, seed } of rechunk(bytes, { single, pairs, random, seed: from, empty })) {
        run.faultIf(2, wrong(await run.decode(chunks), values), chunks, seed === undefined ? '' : name);
      }
    }
    if (run.has(2)) return;
  }
}

async function ends(run: CodecRun): Promise<void> {
  for (const sample of run.samples()) {
    for (const { bytes, values, between } of prefixes(sample, run.limits.single)) {
      for (const { chunks } of rechunk(bytes, { single: 0, pairs: 0, random: 0 })) {
        run.faultIf(3, wrong(await run.decode(chunks), values, between ? 'complete' : 'error'), chunks, 'then the end');
      }
    }
    if (run.has(3)) return;
  }
}

async function errors(run: CodecRun): Promise<void> {
  const reason = new Error('the source fails');
  const fails$ = throwError(() => reason);
  for (const { bytes, values } of prefixes(run.whole(), run.limits.single)) {
    const { error, values: got } = await run.run(concat(of(bytes), fails$).pipe(run.codec.decode()));
    if (error !== reason) run.fault(4, `the source errored, and what came of it is ${String(error)}`, [bytes], 'then an error');
    else if (!same(got, values)) run.fault(4, `${got.length} of ${values.length} messages came before the error`, [bytes], 'then an error');
  }
  const { error } = await run.run(concat(of(run.messages[0]), fails$).pipe(run.codec.encode()));
  if (error !== reason) run.fault(4, `the source of encode() errored, and what came of it is ${String(error)}`, []);
}

async function unsubscribes(run: CodecRun): Promise<void> {
  const { bytes, values } = run.whole();
  for (let wanted = 1; wanted <= values.length; wanted += 1) {
    let [asked, freed] = [0, 0];
    const endless$ = new Observable<Uint8Array>((out) => {
      out.add(() => (freed += 1));
      for (; asked < 100 && !out.closed; asked += 1) out.next(bytes.slice());
    });
    const outcome = await run.run(endless$.pipe(run.codec.decode(), take(wanted)));
    if (!same(outcome.values, values.slice(0, wanted)))
      run.fault(5, `${wanted} messages were taken, ${outcome.values.length} came`, [bytes]);
    if (freed !== 1 || asked > 1) run.fault(5, `message ${wanted} was the last one wanted, and the source was not left at once`, [bytes]);
  }
  for (let at = 0; at <= Math.min(bytes.length, run.limits.single); at += 1) {
    const source$ = new Subject<Uint8Array>();
    let came = 0;
    const subscription = source$.pipe(run.codec.decode()).subscribe(() => (came += 1));
    if (at > 0) source$.next(bytes.slice(0, at));
    subscription.unsubscribe();
    const before = came;
    if (source$.observed) run.fault(5, `unsubscribed after ${at} bytes, and the source is still subscribed`, [bytes.slice(0, at)]);
    source$.next(bytes.slice(at));
    if (came > before) run.fault(5, `unsubscribed after ${at} bytes, and messages still came`, [bytes.slice(0, at)]);
  }
}

async function states(run: CodecRun): Promise<void> {
  const { bytes, values } = run.whole();
  const [decode, encode] = [run.codec.decode(), run.codec.encode()];
  const sources = [new Subject<Uint8Array>(), new Subject<Uint8Array>()];
  const outcomes = sources.map((source$) => run.watch(source$.pipe(decode)));
  for (const byte of bytes) for (const source$ of sources) source$.next(Uint8Array.of(byte));
  for (const source$ of sources) source$.complete();
  for (const [which, outcome] of outcomes.entries()) {
    const problem = wrong(await run.settled(outcome), values);
    run.faultIf(
      6,
      problem && `of two subscriptions of one decode(), byte by byte in turns, the ${which ? 'second' : 'first'} one: ${problem}`,
      [bytes],
    );
  }
  // Unsubscribe inside a frame, then subscribe again.
  decode(concat(of(bytes.slice(0, 1)), NEVER))
    .subscribe()
    .unsubscribe();
  const again = wrong(await run.run(decode(of(bytes.slice()))), values);
  run.faultIf(6, again && `subscribed again after it was left in the midst of a frame: ${again}`, [bytes]);

  const message$ = [new Subject<unknown>(), new Subject<unknown>()];
  const chunks: Uint8Array[][] = [[], []];
  for (const [which, each$] of message$.entries()) each$.pipe(encode).subscribe((chunk) => chunks[which]?.push(chunk));
  for (const message of run.messages) for (const each$ of message$) each$.next(message);
  for (const each of chunks) {
    const got = concatBytes(each);
    if (!sameBytes(got, bytes)) run.fault(6, `of two subscriptions of one encode(), one gave ${show(got)} for ${show(bytes)}`, [bytes]);
  }
}

async function named(run: CodecRun): Promise<void> {
  const random = randomOf(run.limits.seed);
  const samples = run.samples().map(({ bytes }) => bytes);
  for (let round = 0; round < run.limits.corrupted; round += 1) {
    const bytes = mutate(samples, random);
    const problem = await unnamed(run, bytes);
    if (problem === undefined) continue;
    const short = shrink(bytes, (less) => verdict(...twice(run, less)) !== undefined);
    // Shrinking looks at synchronous results only: for an asynchronous codec, the short input may not fail.
    const shorter = await unnamed(run, short);
    run.fault(7, shorter ?? problem, [shorter === undefined ? bytes : short], 'then the end');
    return;
  }
}

async function unnamed(run: CodecRun, bytes: Uint8Array): Promise<string | undefined> {
  const [whole, byByte] = twice(run, bytes);
  return verdict(await run.settled(whole), await run.settled(byByte));
}

/** Decodes bytes in one chunk, and byte by byte. A thrown error counts as an error of the stream. */
function twice(run: CodecRun, bytes: Uint8Array): readonly [Outcome, Outcome] {
  const outcome = (chunks: readonly Uint8Array[]): Outcome => {
    try {
      return run.watch(from(chunks).pipe(run.codec.decode()));
    } catch (error) {
      return { values: [], end: 'error', error };
    }
  };
  return [outcome([bytes.slice()]), outcome(Array.from(bytes, (byte) => Uint8Array.of(byte)))];
}

/** Describes a broken rule in the two outcomes, if any. Does not compare error messages, which may contain byte counts. */
function verdict(whole: Outcome, byByte: Outcome): string | undefined {
  if (whole.end === 'open') return 'the bytes ended, and the messages did not';
  if (whole.end === 'error' && !isNamed(whole.error)) return `expected an error with a code and a phase, got ${String(whole.error)}`;
  const alike = same(byByte.values, whole.values) && byByte.end === whole.end && codeOf(byByte.error) === codeOf(whole.error);
  return alike ? undefined : `in one piece it is ${story(whole)}, byte by byte ${story(byByte)}`;
}

function story({ values, end, error }: Outcome): string {
  return `${values.length} messages and ${end === 'error' ? String(error) : end}`;
}

async function owns(run: CodecRun): Promise<void> {
  const { bytes } = run.whole();
  for (const { chunks } of rechunk(bytes, { single: 5, pairs: 0, random: 2 })) {
    const witness = new MutationDetector();
    const copies = chunks.map((chunk) => chunk.slice());
    for (const chunk of copies) witness.see(chunk, 'bytes given to decode()');
    await run.run(
      new Observable<Uint8Array>((out) => {
        for (const chunk of copies) out.next(chunk);
        out.complete();
      }).pipe(run.codec.decode()),
    );
    run.faultIf(8, witness.changed() ?? run.witness.changed(), chunks);
  }
  const witness = new MutationDetector();
  const encoded: Uint8Array[] = [];
  for (const message of run.messages) if (message instanceof Uint8Array) witness.see(message, 'a message given to encode()');
  of(...run.messages)
    .pipe(run.codec.encode())
    .subscribe((chunk) => {
      witness.see(chunk, 'bytes of encode()');
      encoded.push(chunk);
    });
  run.faultIf(8, witness.changed(), encoded);
}

async function synchronous(run: CodecRun): Promise<void> {
  const { bytes, values, frames } = run.whole();
  const source$ = new Subject<Uint8Array>();
  let first = true;
  const outcome = run.watch(source$.pipe(run.codec.decode()), () => {
    if (!first) return;
    first = false;
    source$.next(bytes.slice());
    source$.complete();
  });
  source$.next(bytes.slice());
  const problem = wrong(await run.settled(outcome), [...values, ...values]);
  run.faultIf(9, problem && `the same bytes and the end came from inside the first message: ${problem}`, [bytes]);

  const times = Math.ceil(MANY / frames.length);
  const [depths, count] = [[] as number[], times * frames.length];
  let came = 0;
  const many$ = of(concatBytes(Array.from({ length: times }, () => bytes)));
  const look = (): void => {
    if (came % 997 === 0) depths.push(stackDepth());
    came += 1;
  };
  await run.settled(run.watch(many$.pipe(run.codec.decode()), look));
  if (came !== count) run.fault(9, `of ${count} frames in one chunk ${came} came`, [bytes], `${times} times`);
  const deeper = Math.max(...depths) - Math.min(...depths);
  if (deeper > DEEPER) run.fault(9, `the stack became ${deeper} frames deeper during ${count} messages`, [bytes], `${times} times`);
}

async function limit(run: CodecRun): Promise<void> {
  const { tooLong } = run.options;
  if (tooLong === undefined) return;
  const { bytes, values } = run.whole();
  const all = concatBytes([bytes, bytesOf(tooLong)]);
  for (const { chunks } of rechunk(all, { single: 20, pairs: 0, random: 2 })) {
    const outcome = await run.run(concat(of(...chunks.map((chunk) => chunk.slice())), NEVER).pipe(run.codec.decode()));
    run.faultIf(10, wrong(outcome, values, 'error'), chunks);
    if (run.has(10)) return;
  }
}

/** Yields evenly spread prefixes of a sample, with the values they decode to, and whether they end between frames. */
function* prefixes(
  { bytes, frames, values }: Sample,
  count: number,
): Generator<{ bytes: Uint8Array; values: readonly unknown[]; between: boolean }> {
  const edges = [0];
  for (const frame of frames) edges.push((edges.at(-1) ?? 0) + frame.length);
  for (let each = 0; each <= bytes.length; each += Math.max(1, bytes.length / count)) {
    const at = Math.floor(each);
    const whole = edges.filter((edge) => edge > 0 && edge <= at).length;
    yield { bytes: bytes.slice(0, at), values: values.slice(0, whole), between: edges.includes(at) };
  }
}

function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === 'string' ? new TextEncoder().encode(data) : data;
}
