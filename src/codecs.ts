// Codecs for any Observable of bytes. They need no stream, and run on Node and in browsers.
export type { Codec } from './codecs/codec.ts';
export { delimited, type DelimitedOptions } from './codecs/delimited.ts';
export { lengthPrefixed, type LengthPrefixedOptions } from './codecs/length-prefixed.ts';
export { lines, type LinesOptions } from './codecs/lines.ts';
export { mapCodec, type MapCodecOptions } from './codecs/map-codec.ts';
export { ndjson, type NdjsonOptions } from './codecs/ndjson.ts';
export { netstrings, type NetstringsOptions } from './codecs/netstrings.ts';
export { parse, type ParseOptions } from './codecs/parse.ts';
export type { Parse, Reader } from './codecs/parser.ts';

// Errors
export { EFRAMELIMIT, EPROTOCOL, IOStreamError, type ErrorCode, type IOStreamErrorOptions, type Phase } from './errors.ts';
