import { from, of, Subject, type Observable } from 'rxjs';
import { assert, expect, it } from 'vitest';
import { EFRAMELIMIT, EPROTOCOL, IOStreamError } from '../../src/errors.ts';
import type { Codec } from '../../src/codecs/codec.ts';
import { checkCodec } from '../../src/testing/rules/check-codec.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { joined } from '../support/assert-same-bytes.ts';
import { cpuTime } from '../support/cpu-time.ts';

/** The values of an operator, and its end. */
export interface Outcome {
  readonly values: readonly unknown[];
  readonly end: 'complete' | 'error' | 'open';
  readonly error?: unknown;
}

/** Subscribes to a synchronous source. */
export function outcome(source$: Observable<unknown>): Outcome {
  const values: unknown[] = [];
  const state: { end: Outcome['end']; error?: unknown } = { end: 'open' };
  source$.subscribe({
    next: (value) => values.push(shown(value)),
    error: (error: unknown) => {
      state.end = 'error';
      state.error = error;
    },
    complete: () => (state.end = 'complete'),
  });
  return { values, ...state };
}

export function decoded(codec: Codec<unknown, never>, chunks: readonly (Uint8Array | string)[]): Outcome {
  return outcome(from(chunks.map((chunk) => bytesOf(chunk))).pipe(codec.decode()));
}

/** Converts bytes to text of one byte a character, to compare them by content. */
export function shown(value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return value;
  expect(value.constructor, 'expected plain bytes however they were cut').toBe(Uint8Array);
  return Buffer.from(value).toString('latin1');
}

/** Copies to an array with its own memory, like a read of a socket. */
export function bytesOf(data: Uint8Array | string): Uint8Array {
  return new Uint8Array(typeof data === 'string' ? Buffer.from(data) : data);
}

export function assertFails(result: Outcome, code: string, phase: 'read' | 'write', before?: readonly unknown[]): void {
  assert(result.error instanceof IOStreamError, `expected an IOStreamError, got ${result.end} ${String(result.error)}`);
  expect(result.error.code, result.error.message).toBe(code);
  expect(result.error.phase).toBe(phase);
  if (before) expect(result.values).toStrictEqual(before);
}

/** A codec, with messages and their frames. */
export interface CodecCase<T, W> {
  readonly codec: Codec<T, W>;
  /** Messages, and the frames to which `encode()` converts them. One frame has more than one byte. */
  readonly messages: readonly W[];
  readonly frames: readonly (Uint8Array | string)[];
  /** The messages decoded from the frames. @default the messages */
  readonly values?: readonly unknown[];
  /** The start of a frame that is too long, wherever it ends. */
  readonly tooLong: Uint8Array | string;
  /** A message of the greatest length that the codec accepts, more than half a MiB. */
  readonly huge: { readonly codec: Codec<T, W>; readonly message: W };
}

/** Defines the specs of every codec. */
export function keepsTheContract<T, W>({ codec, messages, frames, values = messages, tooLong, huge }: CodecCase<T, W>): void {
  const whole = joined(frames);
  const expected = values.map(shown);

  it('keeps the rules of checkCodec, and encodes to these frames', async () => {
    // As the codec emits them: bytes stay bytes.
    const raw: T[] = [];
    of(bytesOf(whole))
      .pipe(codec.decode())
      .subscribe((value) => raw.push(value));
    expect(raw.map(shown)).toStrictEqual(expected);
    (await checkCodec(codec, messages, { values: raw, frames, tooLong: bytesOf(tooLong) })).assert();
  });

  it('decodes a Buffer to the same messages as a Uint8Array', () => {
    for (const { chunks } of rechunk(whole, { single: 5, random: 2 })) {
      // With their own memory, not from the pool, so that they are adopted without a copy.
      const buffers = chunks.map((chunk) => Buffer.from(bytesOf(chunk).buffer));
      expect(outcome(from(buffers).pipe(codec.decode()))).toStrictEqual({ values: expected, end: 'complete' });
    }
  });

  it('completes at an end between frames, and reports a truncated frame at an end anywhere else', () => {
    const edges = frames.map((_, index) => joined(frames.slice(0, index)).length);
    for (let at = 0; at < whole.length; at += 1) {
      for (const { name, chunks } of rechunk(whole.subarray(0, at), { single: 0, random: 2 })) {
        const result = decoded(codec, chunks);
        const complete = edges.filter((edge) => edge > 0 && edge <= at).length;
        if (edges.includes(at)) expect(result.end, `${at}: ${name}`).toBe('complete');
        else assertFails(result, EPROTOCOL, 'read');
        expect(result.values, `${at}: ${name}`).toStrictEqual(expected.slice(0, complete));
      }
    }
  });

  it('rejects a frame over the limit, after all frames before it', () => {
    for (const { chunks } of rechunk(joined([whole, bytesOf(tooLong)]), { single: 20 }))
      assertFails(decoded(codec, chunks), EFRAMELIMIT, 'read', expected);
  });

  it('decodes a long frame that arrives byte by byte in linear time', () => {
    const [frame] = bytesFrom(huge.codec, [huge.message]);
    assert(frame && frame.length > 2 ** 19);
    const bytes$ = new Subject<Uint8Array>();
    let count = 0;
    bytes$.pipe(huge.codec.decode()).subscribe(() => (count += 1));
    const start = cpuTime();
    for (let at = 0; at < frame.length; at += 1) bytes$.next(frame.subarray(at, at + 1));
    const took = cpuTime() - start;
    expect(count).toBe(1);
    // Copying all received bytes for each byte would take more than ten times as long.
    assert(took < 3000, `took ${took} ms of CPU`);
  });
}

/** Encodes messages to frames. */
export function bytesFrom<W>(codec: Codec<unknown, W>, messages: readonly W[]): Uint8Array[] {
  const frames: Uint8Array[] = [];
  from(messages)
    .pipe(codec.encode())
    .subscribe((frame) => frames.push(frame));
  return frames;
}
