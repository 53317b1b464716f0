// What code on the page imports as `rxjs-io-stream`: the part that reaches no module of Node, as .dependency-cruiser.mjs checks.
export { delimited } from '../../src/codecs/delimited.ts';
export { lengthPrefixed } from '../../src/codecs/length-prefixed.ts';
export { lines } from '../../src/codecs/lines.ts';
export { mapCodec } from '../../src/codecs/map-codec.ts';
export { ndjson } from '../../src/codecs/ndjson.ts';
export { netstrings } from '../../src/codecs/netstrings.ts';
export { parse } from '../../src/codecs/parse.ts';
export * from '../../src/errors.ts';
export { handshake } from '../../src/layers/handshake.ts';
export { mapBytes } from '../../src/layers/map-bytes.ts';
export { transform } from '../../src/layers/transform.ts';
export { passthrough } from '../../src/plugins/passthrough.ts';
export { rc4 } from '../../src/plugins/rc4.ts';
export { throttleBytes } from '../../src/plugins/throttle-bytes/throttle-bytes.ts';
export { stack } from '../../src/wire/stack.ts';
