import assert from 'node:assert/strict';
import fc from 'fast-check';
import { concat, from, of, Observable, Subject, take, throwError } from 'rxjs';
import { it } from 'vitest';
import { EFRAMELIMIT, EPROTOCOL, IOStreamError } from '../../src/errors.ts';
import type { Codec } from '../../src/codecs/codec.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { joined } from '../support/digest.ts';

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
  assert.equal(value.constructor, Uint8Array, 'expected plain bytes however they were cut');
  return Buffer.from(value).toString('latin1');
}

/** A fresh array of its own memory, like a read of a socket. */
export function bytesOf(data: Uint8Array | string): Uint8Array {
  return new Uint8Array(typeof data === 'string' ? Buffer.from(data) : data);
}

export function assertFails(result: Outcome, code: string, phase: 'read' | 'write', before?: readonly unknown[]): void {
  assert.ok(result.error instanceof IOStreamError, `expected an IOStreamError, got ${result.end} ${String(result.error)}`);
  assert.equal(result.error.code, code, result.error.message);
  assert.equal(result.error.phase, phase);
  if (before) assert.deepEqual(result.values, before);
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

  it('encodes each message', () => {
    assert.deepEqual(
      outcome(from(messages).pipe(codec.encode())).values,
      frames.map((each) => shown(bytesOf(each))),
    );
  });

  it('decodes the same however the bytes are cut', () => {
    for (const { name, chunks } of rechunk(whole, { empty: true, random: 200 }))
      assert.deepEqual(decoded(codec, chunks), { values: expected, end: 'complete' }, name);
  });

  it('gives the same of a Buffer as of plain bytes', () => {
    for (const { chunks } of rechunk(whole, { single: 5, random: 2 })) {
      // Over memory of their own: not from the pool, so that they are kept as they are.
      const buffers = chunks.map((chunk) => Buffer.from(bytesOf(chunk).buffer));
      assert.deepEqual(outcome(from(buffers).pipe(codec.decode())), { values: expected, end: 'complete' });
    }
  });

  it('takes an end between frames, and calls a frame cut off wherever it is cut', () => {
    const edges = frames.map((_, index) => joined(frames.slice(0, index)).length);
    for (let at = 0; at < whole.length; at += 1) {
      for (const { name, chunks } of rechunk(whole.subarray(0, at), { single: 0, random: 2 })) {
        const result = decoded(codec, chunks);
        const complete = edges.filter((edge) => edge > 0 && edge <= at).length;
        if (edges.includes(at)) assert.equal(result.end, 'complete', `${at}: ${name}`);
        else assertFails(result, EPROTOCOL, 'read');
        assert.deepEqual(result.values, expected.slice(0, complete), `${at}: ${name}`);
      }
    }
  });

  it('refuses a frame over the limit, after all before it', () => {
    for (const { chunks } of rechunk(joined([whole, bytesOf(tooLong)]), { single: 20 }))
      assertFails(decoded(codec, chunks), EFRAMELIMIT, 'read', expected);
  });

  it('passes on the error of its source after the messages before it', () => {
    const result = outcome(
      concat(
        of(bytesOf(whole)),
        throwError(() => new Error('why')),
      ).pipe(codec.decode()),
    );
    assert.deepEqual(result, { values: expected, end: 'error', error: new Error('why') });
  });

  it('keeps its state for each subscriber', () => {
    const [one, two] = [new Subject<Uint8Array>(), new Subject<Uint8Array>()];
    const decode = codec.decode();
    const seen: [unknown[], unknown[]] = [[], []];
    one.pipe(decode).subscribe((value) => seen[0].push(shown(value)));
    two.pipe(decode).subscribe((value) => seen[1].push(shown(value)));
    for (const byte of whole) {
      one.next(Uint8Array.of(byte));
      two.next(Uint8Array.of(byte));
    }
    assert.deepEqual(seen, [expected, expected]);
  });

  it('stops at once when its subscriber leaves, also in an endless source', () => {
    let asked = 0;
    const endless$ = new Observable<Uint8Array>((out) => {
      while (!out.closed) {
        asked += 1;
        out.next(bytesOf(whole));
      }
    });
    assert.deepEqual(outcome(endless$.pipe(codec.decode(), take(1))), { values: expected.slice(0, 1), end: 'complete' });
    assert.equal(asked, 1);
  });

  it('keeps the order when bytes and the end come from inside next', () => {
    const bytes$ = new Subject<Uint8Array>();
    const seen: unknown[] = [];
    bytes$.pipe(codec.decode()).subscribe({
      next: (value) => {
        seen.push(shown(value));
        if (seen.length > 1) return;
        bytes$.next(bytesOf(whole));
        bytes$.complete();
      },
      complete: () => seen.push('complete'),
    });
    bytes$.next(bytesOf(whole));
    assert.deepEqual(seen, [...expected, ...expected, 'complete']);
  });

  it('takes 100,000 frames in one chunk on a flat stack', () => {
    const times = Math.ceil(100_000 / frames.length);
    const chunk = joined(Array.from({ length: times }, () => whole));
    const depths = new Set<number>();
    let count = 0;
    of(bytesOf(chunk))
      .pipe(codec.decode())
      .subscribe(() => {
        count += 1;
        if (count % 10_000 === 1) depths.add((new Error().stack ?? '').split('\n').length);
      });
    assert.equal(count, times * frames.length);
    assert.equal(depths.size, 1);
  });

  it('is linear in a long frame that comes byte by byte', () => {
    const [frame] = bytesFrom(huge.codec, [huge.message]);
    assert.ok(frame && frame.length > 2 ** 19);
    const bytes$ = new Subject<Uint8Array>();
    let count = 0;
    bytes$.pipe(huge.codec.decode()).subscribe(() => (count += 1));
    const before = process.cpuUsage();
    for (let at = 0; at < frame.length; at += 1) bytes$.next(frame.subarray(at, at + 1));
    const { user, system } = process.cpuUsage(before);
    assert.equal(count, 1);
    // A copy of all that came, for each byte, would take more than ten times as long.
    assert.ok(user + system < 3e6, `took ${(user + system) / 1e6} s of CPU`);
  });

  it('gives only errors of this library whatever comes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(...frames.map((each) => bytesOf(each))))),
        (chunks) => {
          const result = decoded(codec, chunks);
          assert.notEqual(result.end, 'open');
          if (result.end === 'error') assert.ok(result.error instanceof IOStreamError);
        },
      ),
    );
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
