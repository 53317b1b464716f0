// A codec that parses the reply of an HTTP/1.1 server for the download.
import { parse, type Codec, type Need, type Reader } from 'rxjs-io-stream';

/** The head of a reply. Header names are in lower case. */
export type Head = { readonly status: number; readonly headers: Readonly<Record<string, string>> };
/** A message of {@link reply}: first the head, then pieces of the body. */
export type Part = { readonly head?: Head; readonly bytes?: Uint8Array; readonly last: boolean };

/** An error that a retry would not fix. */
export class Refused extends Error {}
export const refuse = (expected: string, got: string): never => {
  throw new Refused(`expected ${expected}, got ${got.slice(0, 80)}`);
};

/** Parses one reply, in parts. Requires a content-length or chunks: otherwise a lost connection would look like the end. */
export function reply(): Codec<Part> {
  let head: Head | undefined;
  /** Bytes of the body, or of its current chunk, that are still to be read. */
  let remaining = 0;
  let chunked = false;
  function* line(link: Reader): Generator<Need, string, Uint8Array> {
    return Buffer.from(yield* link.readUntil('\n', 8192))
      .toString('latin1')
      .trimEnd();
  }
  function* readHead(link: Reader): Generator<Need, Part, Uint8Array> {
    const first = yield* line(link);
    const status = Number(/^HTTP\/1\.\d (\d{3})\b/.exec(first)?.[1] ?? refuse('an HTTP/1 server', JSON.stringify(first)));
    const headers: Record<string, string> = {};
    for (let text = yield* line(link); text !== ''; text = yield* line(link)) {
      const [, name = '', value = ''] = /^([\w-]+):[ \t]*(.*)$/.exec(text) ?? refuse('headers', JSON.stringify(text));
      headers[name.toLowerCase()] = [headers[name.toLowerCase()], value].filter(Boolean).join(', ');
    }
    if (status < 200) return { last: false }; // an interim reply: the final one follows
    if (status !== 200 && status !== 206) refuse('the file', `${first} ${headers.location ?? ''}`);
    const { 'transfer-encoding': coding, 'content-length': length, 'content-encoding': form = 'identity' } = headers;
    chunked = coding?.toLowerCase() === 'chunked';
    if (form !== 'identity') refuse('the file as it is', `content-encoding ${form}`);
    if (!chunked && (coding !== undefined || !/^\d{1,15}$/.test(length ?? ''))) refuse('a content-length or chunks', coding ?? `${length}`);
    remaining = chunked ? 0 : Number(length);
    head = { status, headers };
    return { head, last: !chunked && remaining === 0 };
  }
  function* part(link: Reader): Generator<Need, Part, Uint8Array> {
    if (!head) return yield* readHead(link);
    if (remaining === 0) {
      const size = yield* line(link);
      remaining = parseInt(/^[\da-f]{1,12}(?=\s*(;|$))/i.exec(size)?.[0] ?? refuse('the size of a chunk', JSON.stringify(size)), 16);
      if (remaining === 0) while ((yield* line(link)) !== ''); // trailers
      return { last: remaining === 0 };
    }
    const bytes = yield* link.read(Math.min(remaining, 16_384));
    remaining -= bytes.length;
    if (chunked && remaining === 0 && (yield* line(link)) !== '') refuse('a chunk of its size', 'a longer one');
    return { bytes, last: !chunked && remaining === 0 };
  }
  return parse(part, { maxLength: 65_536 });
}
