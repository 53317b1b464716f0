import { framed, type Framed } from '../../../src/codecs/framed/framed.ts';
import { lines } from '../../../src/codecs/lines.ts';
import { ndjson } from '../../../src/codecs/ndjson.ts';
import type { RequestsOptions } from '../../../src/codecs/requests/requests.ts';
import type { Harness } from '../../support/harness.ts';
import { streamPair, type Options } from '../../stream/tools.ts';

export const codec = lines({ maxLength: 64 });

/** A message with an id. */
export interface Call {
  readonly id?: number;
  readonly text: string;
}
export const json = ndjson<Call>({ maxLength: 256 });
export const byId: RequestsOptions<Call, Call> = { match: ({ id }) => id };

/** A stream of lines, and its peer with the lines that it has received. */
export function orderedPair(
  h: Harness,
  options: Options = {},
): { client: Framed<string, string | Uint8Array>; peer: Framed<string, string | Uint8Array>; received: string[] } {
  const [a, b] = streamPair(h, options);
  const peer = framed(b, codec);
  const received: string[] = [];
  peer.messages$.subscribe({ next: (line) => received.push(line), error: () => {} });
  return { client: framed(a, codec), peer, received };
}

/** Two streams of calls. */
export function pairWithIds(h: Harness): { client: Framed<Call>; peer: Framed<Call> } {
  const [a, b] = streamPair(h);
  return { client: framed(a, json), peer: framed(b, json) };
}
