import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { from, lastValueFrom, toArray } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Codec } from '../../src/codecs/codec.ts';
import { delimited } from '../../src/codecs/delimited.ts';
import { lengthPrefixed } from '../../src/codecs/length-prefixed.ts';
import { lines } from '../../src/codecs/lines.ts';
import { mapCodec } from '../../src/codecs/map-codec.ts';
import { ndjson } from '../../src/codecs/ndjson.ts';
import { netstrings } from '../../src/codecs/netstrings.ts';
import { parse } from '../../src/codecs/parse.ts';

const SRC = resolve(import.meta.dirname, '../../src');
const FOLDER = resolve(SRC, 'codecs');

/** All files of `src/` that a file imports, directly or not, types included; and the packages and modules of Node that these import. */
function importsOf(file: string, found = new Set<string>()): Set<string> {
  for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(/^(?:import|export)\b[^;]*?\bfrom '([^']+)';/gm)) {
    const name = path.startsWith('.') ? resolve(file, '..', path) : path;
    if (found.has(name)) continue;
    found.add(name);
    if (path.startsWith('.')) importsOf(name, found);
  }
  return found;
}

async function roundTrip<T, W>(codec: Codec<T, W>, messages: readonly W[]): Promise<T[]> {
  return lastValueFrom(from(messages).pipe(codec.encode(), codec.decode(), toArray()));
}

describe('a codec without a stream', () => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.ts'));

  it('is what each file directly in src/codecs belongs to', () => {
    expect(files).toEqual(expect.arrayContaining(['delimited.ts', 'lines.ts', 'parse.ts']));
  });

  it.each(files)('imports no module of Node and no file of src/stream, at any distance: %s', (name) => {
    const imports = [...importsOf(resolve(FOLDER, name))].map((each) => each.replace(`${SRC}/`, ''));
    expect(imports.filter((each) => !/^(rxjs$|errors\.ts$|(codecs|protocol|util)\/)/.test(each))).toEqual([]);
  });

  describe('where there is no Buffer', () => {
    afterEach(() => void vi.unstubAllGlobals());

    const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
    const texts = ['one', 'zwölf 🌊', '', 'x'.repeat(20_000)];
    const bytes = texts.map(utf8);
    const maxLength = 2 ** 20;
    const word = parse(
      function* ({ readUntil }) {
        return yield* readUntil(' ', 64);
      },
      { maxLength: 64 },
    );
    const numbers = mapCodec(lines({ maxLength }), { decode: Number, encode: (value: number) => String(value) });

    it.each<[string, () => Promise<unknown>, unknown]>([
      ['lines', () => roundTrip(lines({ maxLength }), texts), texts],
      ['lines of bytes', () => roundTrip(lines({ maxLength, bytes: true }), texts), bytes],
      ['delimited', () => roundTrip(delimited({ delimiter: '\0', maxLength }), texts), bytes],
      ['lengthPrefixed', () => roundTrip(lengthPrefixed({ maxLength }), texts), bytes],
      ['lengthPrefixed with varints', () => roundTrip(lengthPrefixed({ maxLength, bytes: 'varint' }), texts), bytes],
      ['netstrings', () => roundTrip(netstrings({ maxLength }), texts), bytes],
      ['ndjson', () => roundTrip(ndjson({ maxLength }), texts), texts],
      ['mapCodec', () => roundTrip(numbers, [1, 2]), [1, 2]],
      ['parse', () => roundTrip(word, ['one ', 'zwölf ']), ['one ', 'zwölf '].map(utf8)],
    ])('encodes and decodes: %s', async (_name, run, expected) => {
      vi.stubGlobal('Buffer', undefined);
      const result = await run();
      vi.unstubAllGlobals();
      expect(result).toEqual(expected);
    });
  });
});
