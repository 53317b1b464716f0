/** Whether a value is an object with all these methods. */
export function hasMethods(value: unknown, ...methods: readonly string[]): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function')
  );
}
