/** Whether `node:https` is on the call stack. Works with any `stackTraceLimit` and `prepareStackTrace` of the program. */
export function isHttpsCalling(): boolean {
  const { stackTraceLimit, prepareStackTrace } = Error as StackRules;
  setStackRules({ stackTraceLimit: 10, prepareStackTrace: undefined });
  try {
    return new Error().stack?.includes('node:https:') === true;
  } finally {
    setStackRules({ stackTraceLimit, prepareStackTrace });
  }
}

interface StackRules {
  readonly stackTraceLimit?: unknown;
  readonly prepareStackTrace?: unknown;
}

/** Sets fields of `Error`. Has no effect if `Error` is frozen. */
function setStackRules(rules: StackRules): void {
  for (const [name, rule] of Object.entries(rules)) Reflect.set(Error, name, rule);
}
