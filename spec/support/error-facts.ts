import { inspect } from 'node:util';

const PHASES = ['resolve', 'connect', 'handshake', 'read', 'write', 'close'];

/** The expected fields of an error of the library. */
export interface ErrorFacts {
  readonly code?: string;
  readonly phase?: string;
  readonly layer?: string;
  readonly fatal?: boolean;
}

/** Returns the faults of an error: missing fields, and secrets that it contains. */
export function faultsOf(error: unknown, secrets: readonly string[]): string[] {
  const faults = secrets.flatMap((secret) => {
    const leaks = Object.entries(textsOf(error)).filter(([, text]) => text.includes(secret));
    return leaks.map(([where]) => `an error contains a secret in its ${where}`);
  });
  if (!(error instanceof Error) || error.name !== 'IOStreamError') return faults;
  const { code, errno, phase } = error as Partial<Record<'code' | 'errno' | 'phase', unknown>>;
  if (typeof code !== 'string' || code === '') faults.push(`an error has no code: ${error.message}`);
  if (typeof errno !== 'number') faults.push(`error ${String(code)} has no errno`);
  if (!PHASES.includes(String(phase))) faults.push(`error ${String(code)} has no phase, but ${String(phase)}`);
  return faults;
}

/** Throws unless the error has the expected fields, and no faults. */
export function assertError(error: unknown, expected: ErrorFacts, secrets: readonly string[] = []): void {
  const faults = faultsOf(error, secrets);
  for (const [name, value] of Object.entries(expected)) {
    const got = (error as Readonly<Record<string, unknown>> | null | undefined)?.[name];
    if (got !== value) faults.push(`expected an error with ${name} ${inspect(value)}, got ${inspect(got)}`);
  }
  if (faults.length > 0) throw new Error(`${faults.join('\n')}\n${inspect(error)}`, { cause: error });
}

/** Returns all texts in which an error may be printed. */
function textsOf(error: unknown): Record<string, string> {
  return {
    message: error instanceof Error ? error.message : '',
    text: String(error),
    JSON: json(error),
    'util.inspect': inspect(error, { depth: 8, showHidden: false }),
    stack: error instanceof Error ? (error.stack ?? '') : '',
  };
}

function json(value: unknown): string {
  try {
    return [JSON.stringify(value)].join(''); // `undefined` for a function
  } catch {
    return '';
  }
}
