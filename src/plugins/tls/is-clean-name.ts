/** Returns whether a name is safe to send and compare. Some parsers would truncate a name at NUL. */
export function isCleanName(name: string): boolean {
  return !/[\0-\x20\x7f]/.test(name);
}
