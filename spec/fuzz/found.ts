/** An input that once broke something: its bytes, or the seed that makes it. */
export interface Found {
  readonly why: string;
  readonly hex?: string;
  readonly seed: number;
}

/** By target. What fuzzing finds is written down here, so that it is tried in every run. */
export const FOUND: Readonly<Record<string, readonly Found[]>> = {
  parse: [
    {
      why: 'a delimiter that does not come was EPROTOCOL, or EFRAMELIMIT when the bytes were cut',
      hex: Buffer.from(`*9\r\n${'a'.repeat(64)}`).toString('hex'),
      seed: 28_000,
    },
  ],
};
