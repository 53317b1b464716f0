/** An address that a {@link Lookup} has found. */
export interface LookupAddress {
  /** The address. */
  address: string;
  /** 4 or 6. */
  family: number;
}

/** A function like `dns.lookup` of Node. Called with `all: true`. */
export type Lookup = (
  host: string,
  options: { all: true; family: 0 | 4 | 6; verbatim: boolean },
  callback: (error: (Error & { code?: string | undefined }) | null, address: string | LookupAddress[], family?: number) => void,
) => void;
