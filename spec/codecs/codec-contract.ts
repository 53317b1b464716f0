import { from, of, Subject, type Observable } from 'rxjs';
import { assert, expect, it } from 'vitest';
import { EFRAMELIMIT, EPROTOCOL, IOStreamError } from '../../src/errors.ts';
import type { Codec } from '../../src/codecs/codec.ts';
import { checkCodec } from '../../src/testing/rules/check-codec.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { joined } from '../support/assert-same-bytes.ts';

/** How an operator ended, and what came before. */
export interface Outcome {
  readonly values: readonly unknown[];
  readonly end: 'complete' | 'error' | 'open';
  readonly error?: unknown;
}

/** Runs a source that gives all it has at once. */
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

/** Bytes as text of one byte a character, so that they compare by content. */
export function shown(value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return value;
  expect(value.constructor, 'expected plain bytes however they were cut').toBe(Uint8Array);
  return Buffer.from(value).toString('latin1');
}

/** A fresh array of its own memory, like a read of a socket. */
export function bytesOf(data: Uint8Array | string): Uint8Array {
  return new Uint8Array(typeof data === 'string' ? Buffer.from(data) : data);
}

export function assertFails(result: Outcome, code: string, phase: 'read' | 'write', before?: readonly unknown[]): void {
  assert(result.error instanceof IOStreamError, `expected an IOStreamError, got ${result.end} ${String(result.error)}`);
  expect(result.error.code, result.error.message).toBe(code);
  expect(result.error.phase).toBe(phase);
  if (before) expect(result.values).toStrictEqual(before);
}

/** What a codec is, to those who check it. */
export interface CodecCase<T, W> {
  readonly codec: Codec<T, W>;
  /** Messages, and their bytes frame by frame as `encode()` makes them; more than one byte in one of them. */
  readonly messages: readonly W[];
  readonly frames: readonly (Uint8Array | string)[];
  /** What is decoded of them. @default the messages */
  readonly values?: readonly unknown[];
  /** Begins a frame that is too long, wherever it would end. */
  readonly tooLong: Uint8Array | string;
  /** A message of the greatest length that the codec takes, over half a MiB. */
  readonly huge: { readonly codec: Codec<T, W>; readonly message: W };
}

/** What holds for every codec. */
export function keepsTheContract<T, W>({ codec, messages, frames, values = messages, tooLong, huge }: CodecCase<T, W>): void {
  const whole = joined(frames);
  const expected = values.map(shown);

  it('keeps the rules of a codec, and makes these frames', async () => {
    // As the codec gives them: bytes as bytes.
    const raw: T[] = [];
    of(bytesOf(whole))
      .pipe(codec.decode())
      .subscribe((value) => raw.push(value));
    expect(raw.map(shown)).toStrictEqual(expected);
    (await checkCodec(codec, messages, { values: raw, frames, tooLong: bytesOf(tooLong) })).assert();
  });

  it('gives the same of a Buffer as of plain bytes', () => {
    for (const { chunks } of rechunk(whole, { single: 5, random: 2 })) {
      // Over memory of their own: not from the pool, so that they are kept as they are.
      const buffers = chunks.map((chunk) => Buffer.from(bytesOf(chunk).buffer));
      expect(outcome(from(buffers).pipe(codec.decode()))).toStrictEqual({ values: expected, end: 'complete' });
    }
  });

  it('takes an end between frames, and calls a frame cut off wherever it is cut', () => {
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

  it('refuses a frame over the limit, after all before it', () => {
    for (const { chunks } of rechunk(joined([whole, bytesOf(tooLong)]), { single: 20 }))
      assertFails(decoded(codec, chunks), EFRAMELIMIT, 'read', expected);
  });

  it('is linear in a long frame that comes byte by byte', () => {
    const [frame] = bytesFrom(huge.codec, [huge.message]);
    assert(frame && frame.length > 2 ** 19);
    const bytes$ = new Subject<Uint8Array>();
    let count = 0;
    bytes$.pipe(huge.codec.decode()).subscribe(() => (count += 1));
    const before = process.cpuUsage();
    for (let at = 0; at < frame.length; at += 1) bytes$.next(frame.subarray(at, at + 1));
    const { user, system } = process.cpuUsage(before);
    expect(count).toBe(1);
    // A copy of all that came, for each byte, would take more than ten times as long.
    assert(user + system < 3e6, `took ${(user + system) / 1e6} s of CPU`);
  });
}

/** The frames that a codec makes. */
export function bytesFrom<W>(codec: Codec<unknown, W>, messages: readonly W[]): Uint8Array[] {
  const frames: Uint8Array[] = [];
  from(messages)
    .pipe(codec.encode())
    .subscribe((frame) => frames.push(frame));
  return frames;
}
