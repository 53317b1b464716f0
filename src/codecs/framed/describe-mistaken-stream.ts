import { isObservable } from 'rxjs';
import { isObject } from '../../util/value-tests.ts';

/**
 * Describes a likely mistake: the value passed instead of a stream, and the code to write. Returns undefined for other values.
 *
 * @param use the call with a stream, such as `framed(io, codec)`.
 */
export function describeMistakenStream(value: unknown, use: string): string | undefined {
  if (isObservable(value)) return `got an Observable; write connect(…).pipe(switchMap((io) => ${use}))`;
  if (!isObject(value)) return undefined;
  if (typeof value.then === 'function') return `got a Promise; write const io = await open(…), then ${use}`;
  if (typeof value.pipe === 'function' && typeof value.on === 'function')
    return `got a stream of Node; write const io = new IOStream({ fh: socket }), then ${use}`;
  return undefined;
}
