import { strict as assert } from 'node:assert';
import { TextDecoder, TextEncoder } from 'node:util';
import { forkJoin, firstValueFrom, from, ignoreElements, lastValueFrom, map, of, take, tap, timeout, toArray } from 'rxjs';
import { delimited, framed, lengthPrefixed, lines, mapCodec, ndjson, netstrings, parse, requests } from 'rxjs-io-stream';
import { rechunk } from 'rxjs-io-stream/testing';
import { dial, failureOf, peer, serve } from '../support.mjs';

const text = (bytes) => new TextDecoder().decode(bytes);
const maxLength = 1000;
const names = parse(
  function* (link) {
    const [length] = yield* link.read(1);
    return text(yield* link.read(length));
  },
  { maxLength, encode: (name) => Uint8Array.of(name.length, ...new TextEncoder().encode(name)) },
);
const asText = (codec) => mapCodec(codec, { decode: text, encode: (message) => new TextEncoder().encode(message) });

const CODECS = {
  lines: [lines({ maxLength }), ['one', '', 'zwölf']],
  ndjson: [ndjson({ maxLength }), [{ a: 1 }, [], 'text']],
  netstrings: [asText(netstrings({ maxLength })), ['one', '', 'three']],
  delimited: [asText(delimited({ delimiter: '\0', maxLength })), ['one', '', 'three']],
  lengthPrefixed: [asText(lengthPrefixed({ maxLength, bytes: 'varint' })), ['one', 'x'.repeat(300), '']],
  parse: [names, ['Ada', 'Grace']],
};

/** Encodes messages, cuts the bytes in every way, and decodes them. */
async function roundTrip(codec, messages) {
  const chunks = await lastValueFrom(from(messages).pipe(codec.encode(), toArray()));
  const bytes = Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
  for (const { name, chunks } of rechunk(bytes, { pairs: 0, random: 5 }))
    assert.deepEqual(await lastValueFrom(from(chunks).pipe(codec.decode(), toArray())), messages, name);
}

/** A server of the package that answers each JSON message with what `answer` returns. */
const answering = (t, answer) =>
  serve(t, (io) => {
    const { messages$, write } = framed(io, ndjson({ maxLength }));
    return messages$.pipe(
      tap((message) => answer(message).forEach((reply) => write(reply))),
      ignoreElements(),
    );
  });

export const name = 'Messages';

export const checks = {
  ...Object.fromEntries(
    Object.entries(CODECS).map(([name, [codec, messages]]) => [
      `${name} decodes what it encodes, cut anywhere`,
      () => roundTrip(codec, messages),
    ]),
  ),

  'refuses a frame over its limit': async () => {
    const { code } = await failureOf(lastValueFrom(of(new Uint8Array(11)).pipe(lines({ maxLength: 10 }).decode())));
    assert.equal(code, 'EFRAMELIMIT');
  },

  'consumes one message after another, and pauses the peer': async (t) => {
    const at = await peer(t, (socket) => socket.end('1\n2\n3\n'));
    const order = [];
    const handled = framed(await dial(t, at), lines({ maxLength })).consume(async (line) => {
      order.push(`+${line}`);
      await null;
      order.push(`-${line}`);
      return line;
    });
    assert.deepEqual(await lastValueFrom(handled.pipe(toArray())), ['1', '2', '3']);
    assert.deepEqual(order, ['+1', '-1', '+2', '-2', '+3', '-3']);
  },

  'matches replies in the order of the requests': async (t) => {
    const { at } = await answering(t, ({ n }) => [{ square: n * n }]);
    const { request } = requests(framed(await dial(t, at), ndjson({ maxLength })));
    const replies = await lastValueFrom(forkJoin([1, 2, 3].map((n) => request({ n }))));
    assert.deepEqual(replies, [{ square: 1 }, { square: 4 }, { square: 9 }]);
  },

  'matches replies by their id, in any order': async (t) => {
    const held = [];
    const { at } = await answering(t, (message) => {
      held.unshift({ id: message.id, n: message.id * 10 });
      return held.length === 3 ? [{ push: true }, ...held] : [];
    });
    const { request, unmatched$ } = requests(framed(await dial(t, at), ndjson({ maxLength })), { match: ({ id }) => id });
    const pushed = firstValueFrom(unmatched$);
    const replies = await lastValueFrom(forkJoin([1, 2, 3].map((id) => request({ id }).pipe(map(({ n }) => n)))));
    assert.deepEqual([replies, await pushed], [[10, 20, 30], { push: true }]);
  },

  'times out a request without a reply, and goes on': async (t) => {
    const { at } = await answering(t, ({ id }) => (id === 1 ? [] : [{ id }]));
    const options = { match: ({ id }) => id, timeout: 1000 };
    const { request } = requests(framed(await dial(t, at), ndjson({ maxLength })), options);
    assert.equal((await failureOf(lastValueFrom(request({ id: 1 })))).code, 'ETIMEDOUT');
    assert.deepEqual(await lastValueFrom(request({ id: 2 }).pipe(take(1), timeout(10_000))), { id: 2 });
  },
};
