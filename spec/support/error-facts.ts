import { inspect } from 'node:util';

const PHASES = ['resolve', 'connect', 'handshake', 'read', 'write', 'close'];

/** What an error of the library is expected to say. */
export interface ErrorFacts {
  readonly code?: string;
  readonly phase?: string;
  readonly layer?: string;
  readonly fatal?: boolean;
}

/** V7: what is wrong with an error: its names are missing, or it tells a secret. */
export function faultsOf(error: unknown, secrets: readonly string[]): string[] {
  const faults = secrets.flatMap((secret) => {
    const where = Object.entries(facesOf(error)).filter(([, text]) => text.includes(secret));
    return where.map(([face]) => `V7: an error tells a secret in its ${face}`);
  });
  if (!(error instanceof Error) || error.name !== 'IOStreamError') return faults;
  const { code, errno, phase } = error as Partial<Record<'code' | 'errno' | 'phase', unknown>>;
  if (typeof code !== 'string' || code === '') faults.push(`V7: an error has no code: ${error.message}`);
  if (typeof errno !== 'number') faults.push(`V7: error ${String(code)} has no errno`);
  if (!PHASES.includes(String(phase))) faults.push(`V7: error ${String(code)} names no phase, but ${String(phase)}`);
  return faults;
}

/** Throws unless the error says what is expected of it, and V7 holds. */
export function assertError(error: unknown, expected: ErrorFacts, secrets: readonly string[] = []): void {
  const faults = faultsOf(error, secrets);
  for (const [name, value] of Object.entries(expected)) {
    const got = (error as Readonly<Record<string, unknown>> | null | undefined)?.[name];
    if (got !== value) faults.push(`expected an error with ${name} ${inspect(value)}, got ${inspect(got)}`);
  }
  if (faults.length > 0) throw new Error(`${faults.join('\n')}\n${inspect(error)}`, { cause: error });
}

/** Every way in which an error gets to be read. */
function facesOf(error: unknown): Record<string, string> {
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
