/** Whether `node:https` is on the call stack. Works with any `stackTraceLimit` and `prepareStackTrace` of the program. */
export function isHttpsCalling(): boolean {
  const { stackTraceLimit, prepareStackTrace } = Error as StackTraceSettings;
  setStackTrace({ stackTraceLimit: 10, prepareStackTrace: undefined });
  try {
    return new Error().stack?.includes('node:https:') === true;
  } finally {
    setStackTrace({ stackTraceLimit, prepareStackTrace });
  }
}

interface StackTraceSettings {
  readonly stackTraceLimit?: unknown;
  readonly prepareStackTrace?: unknown;
}

/** Sets fields of `Error`. Has no effect if `Error` is frozen. */
function setStackTrace(settings: StackTraceSettings): void {
  for (const [name, value] of Object.entries(settings)) Reflect.set(Error, name, value);
}
