/**
 * Returns the CPU time that this process has used, in milliseconds. For specs about speed: on a busy machine, the wall clock runs while
 * the process does not.
 */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
