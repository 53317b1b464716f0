import { catchError, EMPTY, map, mergeMap, Observable, of, tap, type OperatorFunction } from 'rxjs';
import type { Codec } from '../../src/codecs/codec.ts';
import { lengthPrefixed } from '../../src/codecs/length-prefixed.ts';
import { lines } from '../../src/codecs/lines.ts';
import { EPROTOCOL, IOStreamError } from '../../src/errors.ts';

/** What the checks are run with: text, one line each. */
export const messages: readonly string[] = ['abc', 'de', 'fghij'];

const good = lines({ maxLength: 20 });
const decoding = (decode: () => OperatorFunction<Uint8Array, string>): Codec<string> => ({ decode, encode: () => good.encode() });
const encoding = (encode: () => OperatorFunction<string, Uint8Array>): Codec<string> => ({ decode: () => good.decode(), encode });
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const cut = (): never => {
  throw new IOStreamError(EPROTOCOL, { phase: 'read', message: 'cut off' });
};

/** Lines by hand; spoiled where it is told to be. */
class ByHand {
  held = '';
  /** How it gives lines; from inside `next` by recursion, for example. */
  give: (all: string[], out: (line: string) => void) => void = (all, out) => all.forEach((line) => out(line));

  decode(): OperatorFunction<Uint8Array, string> {
    return (source$) =>
      new Observable((out) =>
        source$.subscribe({
          next: (bytes) => {
            const all = (this.held + text(bytes)).split('\n');
            this.held = all.pop() ?? '';
            this.give(all, (line) => out.next(line));
          },
          error: (error: unknown) => out.error(error),
          complete: () => {
            if (this.held === '') out.complete();
            else out.error(new IOStreamError(EPROTOCOL, { phase: 'read', message: 'cut off' }));
          },
        }),
      );
  }
}

/** One spoiled codec or more for each rule: what it does wrong, and the codec. */
export const brokenCodecs: Readonly<Record<string, readonly [rule: number, codec: Codec<string>]>> = {
  'gives another message back': [
    1,
    encoding(
      () => (message$) =>
        message$.pipe(
          map((message) => `${message}!`),
          good.encode(),
        ),
    ),
  ],
  'takes each chunk for a message': [2, decoding(() => map((bytes) => text(bytes).replace(/\n$/, '')))],
  'stumbles on two cuts in one frame': [2, decoding(twoPieces)],
  'stumbles on empty chunks': [
    2,
    decoding(
      () => (byte$) =>
        byte$.pipe(
          tap((bytes) => bytes.length === 0 && cut()),
          good.decode(),
        ),
    ),
  ],
  'lets a cut-off frame pass': [
    3,
    decoding(
      () => (byte$) =>
        byte$.pipe(
          good.decode(),
          catchError((error: unknown) => ((error as IOStreamError).code === 'EPROTOCOL' ? EMPTY : cut())),
        ),
    ),
  ],
  'swallows the error of its source': [
    4,
    decoding(
      () => (byte$) =>
        byte$.pipe(
          catchError(() => EMPTY),
          good.decode(),
        ),
    ),
  ],
  'swallows the error of its messages': [
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
  'throws what has no code': [
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
  'never ends after odd bytes': [
    7,
    decoding(
      () => (byte$) =>
        new Observable((out) =>
          byte$.pipe(good.decode()).subscribe({ next: (line) => out.next(line), error: () => undefined, complete: () => out.complete() }),
        ),
    ),
  ],
  'changes what it was given': [
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
  'uses its buffer again': [
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
  'forgets what came from inside a message': [
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
  'gives messages by recursion': [
    9,
    decoding(() => (byte$) => {
      const hand = new ByHand();
      hand.give = (all, out) => {
        const next = (at: number): void => {
          const line = all[at];
          if (line === undefined) return;
          out(line);
          next(at + 1);
        };
        next(0);
      };
      return byte$.pipe(hand.decode());
    }),
  ],
  'has no limit': [10, decoding(() => new ByHand().decode())],
};

/** Keeps one cut-off piece, and takes the next for its end. */
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
        complete: () => (piece === '' ? out.complete() : out.error(new IOStreamError(EPROTOCOL, { phase: 'read', message: 'cut off' }))),
      });
    });
}

/** Its rest of a line is that of all subscriptions. */
function sharedState(): Codec<string>['decode'] {
  const hand = new ByHand();
  return () => hand.decode();
}

/** Each frame begins with a number that all subscriptions count on. */
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
