import { describeValue } from '../../util/describe.ts';
import { isObject } from '../../util/value-tests.ts';

/** Throws a TypeError if the value is no codec. */
export function checkCodec(codec: unknown): void {
  if (isObject(codec) && typeof codec.decode === 'function' && typeof codec.encode === 'function') return;
  const got = typeof codec === 'function' ? 'a function; call it, as in lines({ maxLength: 65536 })' : describeValue(codec);
  throw new TypeError(`expected the codec of framed() to be an object with decode() and encode(), got ${got}`);
}
