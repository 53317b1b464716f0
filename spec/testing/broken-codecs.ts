import { catchError, EMPTY, map, mergeMap, Observable, of, tap, type OperatorFunction } from 'rxjs';
import type { Codec } from '../../src/codecs/codec.ts';
import { lengthPrefixed } from '../../src/codecs/length-prefixed.ts';
import { lines } from '../../src/codecs/lines.ts';
import { EPROTOCOL, IOStreamError } from '../../src/errors.ts';

/** The messages of the checks: text without line ends. */
export const messages: readonly string[] = ['abc', 'de', 'fghij'];

const good = lines({ maxLength: 20 });
const decoding = (decode: () => OperatorFunction<Uint8Array, string>): Codec<string> => ({ decode, encode: () => good.encode() });
const encoding = (encode: () => OperatorFunction<string, Uint8Array>): Codec<string> => ({ decode: () => good.decode(), encode });
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const cut = (): never => {
  throw new IOStreamError(EPROTOCOL, { phase: 'read', message: 'truncated' });
};

/** Decodes lines; `emit` may be replaced by a broken one. */
class LineDecoder {
  buffered = '';
  /** Emits lines. */
  emit: (all: string[], out: (line: string) => void) => void = (all, out) => all.forEach((line) => out(line));

  decode(): OperatorFunction<Uint8Array, string> {
    return (source$) =>
      new Observable((out) =>
        source$.subscribe({
          next: (bytes) => {
            const all = (this.buffered + text(bytes)).split('\n');
            this.buffered = all.pop() ?? '';
            this.emit(all, (line) => out.next(line));
          },
          error: (error: unknown) => out.error(error),
          complete: () => {
            if (this.buffered === '') out.complete();
            else out.error(new IOStreamError(EPROTOCOL, { phase: 'read', message: 'truncated' }));
          },
        }),
      );
  }
}

/** At least one broken codec for each rule: what it does wrong, the rule, and the codec. */
export const brokenCodecs: Readonly<Record<string, readonly [rule: number, codec: Codec<string>]>> = {
  'decodes another message': [
    1,
    encoding(
      () => (message$) =>
        message$.pipe(
          map((message) => `${message}!`),
          good.encode(),
        ),
    ),
  ],
  'treats each chunk as a message': [2, decoding(() => map((bytes) => text(bytes).replace(/\n$/, '')))],
  'fails at two cuts in one frame': [2, decoding(twoPieces)],
  'fails at empty chunks': [
    2,
    decoding(
      () => (byte$) =>
        byte$.pipe(
          tap((bytes) => bytes.length === 0 && cut()),
          good.decode(),
        ),
    ),
  ],
  'completes inside a frame': [
    3,
    decoding(
      () => (byte$) =>
        byte$.pipe(
          good.decode(),
          catchError((error: unknown) => ((error as IOStreamError).code === 'EPROTOCOL' ? EMPTY : cut())),
        ),
    ),
  ],
  'drops the error of its source': [
    4,
    decoding(
      () => (byte$) =>
        byte$.pipe(
          catchError(() => EMPTY),
          good.decode(),
        ),
    ),
  ],
  'drops the error of its messages': [
    4,
    encoding(
      () => (message$) =>
        message$.pipe(
          catchError(() => EMPTY),
          good.encode(),
        ),
    ),
  ],
  'stays subscribed': [
    5,
    decoding(
      () => (byte$) =>
        new Observable(
          (out) =>
            void byte$.pipe(good.decode()).subscribe({
              next: (line) => out.next(line),
              error: (error: unknown) => out.error(error),
              complete: () => out.complete(),
            }),
        ),
    ),
  ],
  'shares its state between subscriptions': [6, { decode: sharedState(), encode: () => good.encode() }],
  'shares the state of its encoder': [6, sharedNumbers()],
  'throws an error without a code': [
    7,
    decoding(
      () => (byte$) =>
        byte$.pipe(
          good.decode(),
          map((line) =>
            /^[\w ]*$/.test(line)
              ? line
              : (() => {
                  throw new RangeError('odd');
                })(),
          ),
        ),
    ),
  ],
  'never ends after invalid bytes': [
    7,
    decoding(
      () => (byte$) =>
        new Observable((out) =>
          byte$.pipe(good.decode()).subscribe({ next: (line) => out.next(line), error: () => undefined, complete: () => out.complete() }),
        ),
    ),
  ],
  'changes its input': [
    8,
    decoding(
      () => (byte$) =>
        byte$.pipe(
          map((bytes) => {
            const copy = bytes.slice();
            bytes.fill(0);
            return copy;
          }),
          good.decode(),
        ),
    ),
  ],
  'reuses its buffer': [
    8,
    encoding(() => (message$) => {
      const buffer = new Uint8Array(32);
      return message$.pipe(
        good.encode(),
        map((frame) => {
          buffer.set(frame);
          return buffer.subarray(0, frame.length);
        }),
      );
    }),
  ],
  'drops bytes that arrive from inside a message': [
    9,
    decoding(
      () => (byte$) =>
        new Observable((out) => {
          let busy = false;
          return byte$
            .pipe(
              mergeMap((bytes) => (busy ? EMPTY : of(bytes))),
              good.decode(),
            )
            .subscribe({
              next: (line) => {
                busy = true;
                out.next(line);
                busy = false;
              },
              error: (error: unknown) => out.error(error),
              complete: () => out.complete(),
            });
        }),
    ),
  ],
  'emits messages by recursion': [
    9,
    decoding(() => (byte$) => {
      const decoder = new LineDecoder();
      decoder.emit = (all, out) => {
        const next = (at: number): void => {
          const line = all[at];
          if (line === undefined) return;
          out(line);
          next(at + 1);
        };
        next(0);
      };
      return byte$.pipe(decoder.decode());
    }),
  ],
  'has no limit': [10, decoding(() => new LineDecoder().decode())],
};

/** Buffers one truncated piece, and treats the next one as its end. */
function twoPieces(): OperatorFunction<Uint8Array, string> {
  return (byte$) =>
    new Observable((out) => {
      let piece = '';
      return byte$.subscribe({
        next: (bytes) => {
          const all = (piece + text(bytes)).split('\n');
          const rest = all.pop() ?? '';
          piece = piece !== '' && all.length === 0 ? text(bytes) : rest;
          for (const line of all) out.next(line);
        },
        error: (error: unknown) => out.error(error),
        complete: () => (piece === '' ? out.complete() : out.error(new IOStreamError(EPROTOCOL, { phase: 'read', message: 'truncated' }))),
      });
    });
}

/** All subscriptions share one buffer. */
function sharedState(): Codec<string>['decode'] {
  const decoder = new LineDecoder();
  return () => decoder.decode();
}

/** Each frame begins with a number that all subscriptions increment. */
function sharedNumbers(): Codec<string> {
  const frames = lengthPrefixed({ maxLength: 30 });
  return {
    decode: () => (byte$) =>
      byte$.pipe(
        frames.decode(),
        map((frame) => text(frame.subarray(1))),
      ),
    encode: () => {
      let number = 0;
      return (message$) =>
        message$.pipe(
          map((message) => Uint8Array.of((number += 1), ...new TextEncoder().encode(message))),
          frames.encode(),
        );
    },
  };
}
