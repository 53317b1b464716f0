import { usage } from './usage.ts';

/**
 * Checks that `cb` can be called with `method`. Called when `cb` is assigned, not when `method` is: otherwise the two could not be
 * assigned one after the other.
 *
 * @throws TypeError if the method is missing.
 */
export function checkCallback(cb: object | undefined, method: string): void {
  if (cb === undefined || typeof (cb as Record<string, unknown>)[method] === 'function') return;
  if (typeof cb !== 'function' || isClass(cb)) throw noMethod(cb, method);
}

/** Creates the error of a `cb` without its method. */
export function noMethod(cb: object, method: string): TypeError {
  const got = typeof cb === 'function' ? 'a class' : 'an object';
  return usage(`\`cb\` to be a function, or an object or class with a method \`${method}\``, `${got} without it`);
}

/** Whether a function is a class, which cannot be called. Only its source text shows it. */
function isClass(cb: object): boolean {
  return /^class(\{|\s+[^\s(])/.test(Function.prototype.toString.call(cb));
}
