// What needs no API of Node. As `rxjs-io-stream/web`, for browsers and workers, the files `x.web.ts` stand in for `x.ts`, and bytes are
// `Uint8Array`: see ARCHITECTURE.md. `index.ts` exports all of it with the files for Node.

// Streams
export { connect, type ConnectOptions } from './stream/connect.ts';
export type { ConsumeOptions } from './stream/consume.ts';
export { converse } from './stream/converse.ts';
export { IOStream } from './stream/io-stream.ts';
export type {
  AnyDetails,
  AnyOwnFields,
  DetailsOf,
  MaybeDetails,
  OnlyOptions,
  OnlyTimeouts,
  OptionsOf,
  OwnFields,
} from './stream/stream-of.ts';
export type { OpeningStreamOf, StreamOf } from './stream/io-stream.ts';
export { open } from './stream/open.ts';
export type { Handler } from './stream/run-handler.ts';
export type { ClosedReport, StreamState } from './stream/report.ts';
export type { Callback, IOStreamOptions, StreamEvent } from './stream/io-stream.ts';
export type { CallbackOf, CallbackTarget, StreamEventOf, StreamOptions } from './stream/options.ts';
export type { ReadableWebStream, SendSource } from './stream/send-source.ts';
export type { Bytes, Writable } from './stream/bytes.ts';
export type { Output } from './stream/output.ts';

// Events
export { CONNECTED, EOF, eventNames, IN, OUT, RESOLVED, SENT, type EventMask } from './events.ts';

// Errors
export {
  EBLOCKED,
  ECLOSED,
  EDNS,
  EDNSNODATA,
  EDNSNXDOMAIN,
  EFRAMELIMIT,
  EGAP,
  EINBUFLIMIT,
  EOUTBUFLIMIT,
  EPROTOCOL,
  EPROXY,
  EPROXYAUTH,
  EREQINBUFLIMIT,
  EREQINEOF,
  ETLS,
  ETLSCERT,
  ETLSTRUNCATED,
  ETOCONNECT,
  ETOHANDSHAKE,
  ETOIDLE,
  ETORESOLVE,
  ETOWRITE,
  IOStreamError,
  type ErrorCode,
  type IOStreamErrorOptions,
  type Phase,
} from './errors.ts';

// Wires
export type { Fh } from './stream/endpoint.ts';
export type { Candidate, Guard } from './wire/guard.ts';
export { stack, type Plugins } from './wire/stack.ts';
export type { Lookup, LookupAddress } from './wire/lookup.ts';
export { webSocket, type WebSocketTarget } from './wire/web-socket/web-socket.ts';
export type { WebSocketConstructor, WebSocketLike } from './wire/web-socket/web-socket-like.ts';
export type { WebSocketOptions } from './wire/web-socket/web-socket-options.ts';
export { webStreams } from './wire/web-streams/web-streams.ts';
export type { WebReadable, WebStreamsSocket, WebWritable } from './wire/web-streams/web-streams-socket.ts';

// Adapters for other APIs
export { toWebStreams, type WebStreams, type WebStreamsInfo } from './adapters/to-web-streams.ts';
export type { AnyReadable, AnyWritable, ByteReadable, ByteWritable } from './adapters/web-stream-types.ts';

// Streams over a channel of messages
export { overMessages } from './messages/over-messages.ts';
export type { ChannelEnd, OpenChannel } from './messages/channel-port.ts';
export type { MessageKeepAlive, OverMessagesOptions } from './messages/message-options.ts';

// Plugins, and helpers to write them
export { handshake, type HandshakeOptions } from './layers/handshake.ts';
export { mapBytes } from './layers/map-bytes.ts';
export { passthrough } from './plugins/passthrough.ts';
export { pcapng, type Pcapng, type PcapngOptions } from './plugins/pcapng.ts';
export { httpProxy } from './plugins/proxy/http-proxy.ts';
export type { HttpProxyOptions, ProxyAuth } from './plugins/proxy/http-proxy-options.ts';
export {
  acceptProxyProtocol,
  type AcceptedProxyFacts,
  type AcceptProxyProtocolOptions,
} from './plugins/proxy-protocol/accept-proxy-protocol.ts';
export { sendProxyProtocol, type SendProxyProtocolOptions } from './plugins/proxy-protocol/send-proxy-protocol.ts';
export type { RelayedConnection } from './plugins/proxy-protocol/relayed-ends.ts';
export type { ProxyPeer, TrustedPeers } from './plugins/proxy-protocol/trusted-peers.ts';
export { rc4 } from './plugins/rc4.ts';
export { socks4, type Socks4Options } from './plugins/proxy/socks4.ts';
export { socks5, type Socks5Options } from './plugins/proxy/socks5.ts';
export { throttleBytes, type ThrottleBytesOptions } from './plugins/throttle-bytes/throttle-bytes.ts';
export { trace, type TraceOptions } from './plugins/trace.ts';
export { transform, type Transformer, type TransformOptions } from './layers/transform.ts';
export type { ProxyChallenge, Tunnel } from './protocol/connect-request.ts';
export type { HeadersInput } from './protocol/http-fields.ts';
export type { ProxyAddress, ProxyHeader, ProxySsl, ProxyTlv, ProxyTlvs, ProxyTransport } from './protocol/proxy-protocol-types.ts';
export type { SocksBound } from './protocol/socks.ts';
export type { HttpChallenge } from './protocol/http-challenge.ts';
export type { Link } from './protocol/link.ts';
export type { Answer, Need, Talk } from './protocol/need.ts';

// Many streams over one connection
export { mux, type Mux, type MuxReport } from './mux/mux.ts';
export type { MuxKeepAlive, MuxOptions, MuxStreamOptions } from './mux/mux-options.ts';

// Codecs
export type { Codec } from './codecs/codec.ts';
export { delimited, type DelimitedOptions } from './codecs/delimited.ts';
export { framed, type Framed } from './codecs/framed/framed.ts';
export { lengthPrefixed, type LengthPrefixedOptions } from './codecs/length-prefixed.ts';
export { lines, type LinesOptions } from './codecs/lines.ts';
export { mapCodec, type MapCodecOptions } from './codecs/map-codec.ts';
export { ndjson, type NdjsonOptions } from './codecs/ndjson.ts';
export { netstrings, type NetstringsOptions } from './codecs/netstrings.ts';
export { parse, type ParseOptions } from './codecs/parse.ts';
export type { Parse, Reader } from './codecs/parser.ts';
export { requests, type RequestMessages, type Requests, type RequestsOptions } from './codecs/requests/requests.ts';

// Flow
export { backoff, type Backoff } from './reconnect/backoff.ts';

export type { BackoffOptions, RetryReport } from './reconnect/backoff-options.ts';
export { persistent } from './reconnect/persistent.ts';
export type {
  Persistent,
  PersistentOptions,
  PersistentStatus,
  PersistentTarget,
  UnsentReport,
  UnsentWrite,
} from './reconnect/persistent-types.ts';
export { pool } from './pool/pool.ts';
export type { Pool, PoolCounts, PoolHandler, PoolOptions } from './pool/pool-types.ts';
export type { DrainOptions, DrainReport } from './stream/drain.ts';
export { relay } from './relay/relay.ts';
export type { RelayError } from './relay/relay-error.ts';
export type { RelayProgress } from './relay/relay-progress.ts';

// Signals
export type {
  ConnectedSignal,
  DataSignal,
  Dial,
  Endpoints,
  EndSignal,
  FactsOf,
  Flow,
  LayerDetails,
  PauseSignal,
  Plugin,
  ResolvedSignal,
  ResumeSignal,
  SentSignal,
  Target,
  Timeouts,
  Up,
  Wire,
} from './wire/signal.ts';
