const PLAIN: readonly string[] = ['string', 'number', 'boolean'];

/** Selects the loggable details of a layer: strings, numbers and booleans, not handles or certificates. */
export function plainDetails<Details extends object>(details: Details): Partial<Details> {
  return Object.fromEntries(Object.entries(details).filter(([, fact]) => PLAIN.includes(typeof fact))) as Partial<Details>;
}

/** Converts any value to text, even if `String` throws: an object without a prototype, a revoked Proxy. */
export function asText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return `a value without text (${typeof value})`;
  }
}

/** Loggable facts of an error: only properties of the expected type. */
export interface ErrorFacts {
  readonly code?: string | undefined;
  readonly errno?: number | undefined;
  readonly phase?: string | undefined;
  readonly message: string;
}

/** Reads the loggable facts of any thrown value. */
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
