/** An input that once caused a failure: its bytes, or the seed that makes it. */
export interface Found {
  readonly why: string;
  readonly hex?: string;
  readonly seed: number;
}

/** The inputs by target. Every run tries them. */
export const FOUND: Readonly<Record<string, readonly Found[]>> = {
  parse: [
    {
      why: 'a missing delimiter was EPROTOCOL in one chunk and EFRAMELIMIT in several',
      hex: Buffer.from(`*9\r\n${'a'.repeat(64)}`).toString('hex'),
      seed: 28_000,
    },
  ],
};
