import type { LayerDetails } from './signal.ts';

const PLAIN: readonly string[] = ['string', 'number', 'boolean'];

/** What of a layer's details can be written down: handles and certificates are no reading. */
export function plainDetails(details: LayerDetails): LayerDetails {
  return Object.fromEntries(Object.entries(details).filter(([, fact]) => PLAIN.includes(typeof fact)));
}

/** Any value as text, also one at which `String` throws: an object without a prototype, a revoked Proxy. */
export function asText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return `a value without text (${typeof value})`;
  }
}

/** What can be written down of an error: only what has the type it should have. */
export interface ErrorFacts {
  readonly code?: string | undefined;
  readonly errno?: number | undefined;
  readonly phase?: string | undefined;
  readonly message: string;
}

/** What an error says of itself, whatever was thrown. */
export function errorFacts(error: unknown): ErrorFacts {
  try {
    const { code, errno, phase } = Object(error) as Record<string, unknown>;
    return {
      code: typeof code === 'string' ? code : undefined,
      errno: Number.isSafeInteger(errno) ? (errno as number) : undefined,
      phase: typeof phase === 'string' ? phase : undefined,
      message: asText(error instanceof Error ? error.message : error),
    };
  } catch {
    return { message: asText(error) };
  }
}
