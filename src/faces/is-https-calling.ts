/** Whether `node:https` is on the stack, whatever the program has made of stacks. */
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

/** Does nothing where they are frozen. */
function setStackRules(rules: StackRules): void {
  for (const [name, rule] of Object.entries(rules)) Reflect.set(Error, name, rule);
}
