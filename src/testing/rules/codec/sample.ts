/** Some of the messages: their frames, bytes and decoded values. */
export interface Sample {
  readonly frames: readonly Uint8Array[];
  readonly bytes: Uint8Array;
  readonly values: readonly unknown[];
}

/** The start of a sample. */
export interface Prefix {
  readonly bytes: Uint8Array;
  /** The values that the bytes decode to. */
  readonly values: readonly unknown[];
  /** Whether the bytes end between two frames. */
  readonly isWhole: boolean;
}

/** Yields about `count` evenly spread prefixes of a sample. */
export function* prefixesOf({ bytes, frames, values }: Sample, count: number): Generator<Prefix> {
  const edges = [0];
  for (const frame of frames) edges.push((edges.at(-1) ?? 0) + frame.length);
  for (let each = 0; each <= bytes.length; each += Math.max(1, bytes.length / count)) {
    const at = Math.floor(each);
    const frameCount = edges.filter((edge) => edge > 0 && edge <= at).length;
    yield { bytes: bytes.slice(0, at), values: values.slice(0, frameCount), isWhole: edges.includes(at) };
  }
}
