import { from, type Observable } from 'rxjs';
import { afterAll, describe, expect } from 'vitest';
import type { Codec } from '../../src/codecs/codec.ts';
import { delimited } from '../../src/codecs/delimited.ts';
import { lengthPrefixed } from '../../src/codecs/length-prefixed.ts';
import { lines } from '../../src/codecs/lines.ts';
import { ndjson } from '../../src/codecs/ndjson.ts';
import { netstrings } from '../../src/codecs/netstrings.ts';
import { parse } from '../../src/codecs/parse.ts';
import type { Reader } from '../../src/codecs/parser.ts';
import type { Talk } from '../../src/protocol/need.ts';
import { readDiagram } from '../../src/testing/marbles/diagram.ts';
import { readValues } from '../../src/testing/marbles/values.ts';
import { parseRecording } from '../../src/testing/recording/parse-recording.ts';
import { counted, fuzzes, type FuzzTarget, type Verdict } from './fuzz.ts';

const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** Decodes chunks and the end; `value` has the decoded messages, also before an error. */
function decoded(codec: Codec<unknown, never>, chunks: readonly Uint8Array[]): Verdict {
  const values: unknown[] = [];
  let end: Verdict | undefined;
  from(chunks)
    .pipe(codec.decode())
    .subscribe({
      next: (value) => values.push(value),
      error: (error: unknown) => (end = { value: values, error }),
      complete: () => (end = { value: values }),
    });
  return end ?? { value: values, error: new Error('it never ended') };
}

function encoded<W>(codec: Codec<unknown, W>, messages: readonly W[]): string {
  const frames: Uint8Array[] = [];
  const message$: Observable<W> = from(messages);
  message$.pipe(codec.encode()).subscribe((frame) => frames.push(frame));
  return latin(Buffer.concat(frames));
}

interface CodecTarget<T> extends Pick<FuzzTarget, 'name' | 'samples' | 'inputs'> {
  readonly codec: Codec<T, T>;
  /** Another parser of the same format: returns the messages up to the first invalid one. */
  readonly expected?: (input: Uint8Array) => readonly T[];
}

/** Checks that the messages encode to the input, and equal those of the other parser. */
function codecFuzzes<T>({ codec, expected, ...target }: CodecTarget<T>): void {
  fuzzes({
    ...target,
    vague: true,
    run: (chunks) => decoded(codec, chunks),
    oracle: (input, { value, error }) => {
      const values = value as T[];
      if (expected) expect(values).toStrictEqual(expected(input));
      else {
        const again = encoded(codec, values);
        expect(latin(input).startsWith(again), `encoded again it is ${JSON.stringify(again)}`).toBe(true);
        if (error === undefined) expect(again.length).toBe(input.length);
      }
    },
  });
}

const MOST = 12;

/** Splits lines up to the first one that is too long. */
const split = (input: Uint8Array): string[] => {
  const all = latin(input)
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace(/\r$/, ''));
  const wrong = all.findIndex((line) => line.length > MOST);
  return wrong < 0 ? all : all.slice(0, wrong);
};

/** RESP 2, the protocol of Redis. */
function* reply(link: Reader): Talk<unknown> {
  const line = latin(yield* link.readUntil('\r\n', 64)).slice(0, -2);
  const [kind, rest] = [line[0], line.slice(1)];
  if (kind === '+' || kind === '-' || kind === ':') return line;
  if (rest === '-1') return null;
  const count = Number(rest);
  if (kind === '$') return latin(yield* link.read(count + 2)).slice(0, -2);
  if (kind !== '*' || !(count <= 100)) throw new Error('no reply');
  const list: unknown[] = [];
  for (let left = count; left > 0; left -= 1) list.push(yield* reply(link));
  return list;
}

/** A parser of text that throws TypeErrors. */
const texts = (name: string, inputs: number, samples: readonly string[], parsed: (text: string) => unknown): void =>
  fuzzes({
    name,
    inputs,
    samples,
    cuts: false,
    run: ([input = new Uint8Array()]) => {
      try {
        return { value: parsed(Buffer.from(input).toString('utf8')), taken: input.length };
      } catch (error) {
        expect((error as Error).constructor, String(error)).toBe(TypeError);
        return { taken: 0 };
      }
    },
  });

describe('the codecs', () => {
  afterAll(() => console.log(`fuzzed codecs: ${counted.inputs} inputs`));

  const some = ['a\n', 'b\r\nc\n', '\r\n\n', '123456789012\r\n', '1234567890123\n', '\xc3\xa9\n\xff\n'];
  codecFuzzes<Uint8Array | string>({
    name: 'lines as bytes',
    samples: some,
    inputs: 30_000,
    codec: {
      decode: () => (byte$) => byte$.pipe(lines({ maxLength: MOST, bytes: true }).decode(), (line$) => line$),
      encode: () => lines({ maxLength: MOST, bytes: true }).encode(),
    },
    expected: (input) => split(input).map((line) => new Uint8Array(Buffer.from(line, 'latin1'))),
  });
  codecFuzzes<string>({
    name: 'lines',
    samples: some,
    inputs: 30_000,
    codec: lines({ maxLength: MOST }),
    expected: (input) => split(input).map((line) => new TextDecoder('utf8', { ignoreBOM: true }).decode(Buffer.from(line, 'latin1'))),
  });
  codecFuzzes<Uint8Array | string>({
    name: 'delimited',
    samples: ['ab--', '-', '---', 'x'.repeat(12) + '--'],
    inputs: 30_000,
    codec: delimited({ delimiter: '--', maxLength: MOST }),
  });
  for (const bytes of [1, 2, 4] as const) {
    const head = (length: number): string => `${'\0'.repeat(bytes - 1)}${String.fromCharCode(length)}`;
    codecFuzzes<Uint8Array | string>({
      name: `lengthPrefixed ${bytes}`,
      samples: [`${head(3)}abc`, head(0), `${head(12)}${'x'.repeat(12)}`, head(13), '\xff\xff\xff\xff'],
      inputs: 20_000,
      codec: lengthPrefixed({ bytes, maxLength: MOST }),
    });
  }
  fuzzes({
    name: 'lengthPrefixed varint',
    samples: ['\x03abc', '\0', '\x80\x01', '\xff\xff\xff\xff\x7f', '\x83\0abc'],
    inputs: 20_000,
    run: (chunks) => decoded(lengthPrefixed({ bytes: 'varint', maxLength: MOST }), chunks),
  });
  codecFuzzes<Uint8Array | string>({
    name: 'netstrings',
    samples: ['3:abc,', '0:,', '12:123456789012,', '13:', '03:abc,', '99999999999999999999:', '1:a;'],
    inputs: 40_000,
    codec: netstrings({ maxLength: MOST }),
  });
  codecFuzzes<unknown>({
    name: 'ndjson',
    samples: ['{"a":1}\n', '[]\r\n', 'null\n', '"\xc3\xa9"\n', ' 1 \n', '{"__proto__":1}\n', '\n', '1e99999\n'],
    inputs: 30_000,
    codec: ndjson({ maxLength: MOST }),
    expected: (input) => {
      const values: unknown[] = [];
      for (const line of split(input)) {
        try {
          const words = new TextDecoder('utf8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(line, 'latin1'));
          // Blank lines are skipped.
          if (/\S/.test(words)) values.push(JSON.parse(words));
        } catch {
          break;
        }
      }
      return values;
    },
  });
  fuzzes({
    name: 'parse',
    samples: ['+OK\r\n', '-ERR\r\n:7\r\n', '$3\r\nabc\r\n', '$-1\r\n', '*2\r\n:1\r\n*1\r\n+x\r\n', '*99\r\n', '$0\r\n\r\n'],
    inputs: 40_000,
    run: (chunks) => decoded(parse<unknown, never>(reply, { maxLength: 64 }), chunks),
  });

  texts(
    'recordings',
    10_000,
    [
      'rxjs-io-stream recording 1\n0 wire: connected [{"wire":"tcp"}]\n1.5 to wire: data 61 62 |ab|\n2 wire: sent 2\n3 wire: error ECONNRESET -104 read "no"\ncut\n',
    ],
    (text) => String(parseRecording(text)),
  );
  texts('diagrams', 20_000, ['app: --a(bc)-|\nto wire: -k 20ms !\nwire: -C--#EPIPE\nto app: RC 1.5s S'], (text) => [
    ...readDiagram(text, readValues({ k: 'K' })),
  ]);
});
