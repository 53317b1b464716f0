import { isObservable } from 'rxjs';
import { describeValue } from '../util/describe.ts';

/** Describes a likely mistake: the value passed instead of a stream, and the code to write. Returns undefined for other values. */
export function mistakenStream(value: unknown, use: string): string | undefined {
  if (isObservable(value)) return `got an Observable; write connect(…).pipe(switchMap((io) => ${use}))`;
  if (!isObject(value)) return undefined;
  if (typeof value.then === 'function') return `got a Promise; write const io = await open(…), then ${use}`;
  if (typeof value.pipe === 'function' && typeof value.on === 'function')
    return `got a stream of Node; write const io = new IOStream({ fh: socket }), then ${use}`;
  return undefined;
}

/** Throws a TypeError if the value is no codec. */
export function checkCodec(codec: unknown): void {
  if (isObject(codec) && typeof codec.decode === 'function' && typeof codec.encode === 'function') return;
  const got = typeof codec === 'function' ? 'a function; call it, as in lines({ maxLength: 65536 })' : describeValue(codec);
  throw new TypeError(`expected the codec of framed() to be an object with decode() and encode(), got ${got}`);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
