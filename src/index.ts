// Streams
export { connect, type ConnectOptions } from './stream/connect.ts';
export { converse } from './stream/converse.ts';
export { IOStream, type OwnFields } from './stream/io-stream.ts';
export { listen, type ListenOptions } from './stream/listen.ts';
export { open } from './stream/open.ts';
export type { DrainOptions, DrainReport, Handler, Server } from './stream/server.ts';
export type { ClosedReport, StreamState } from './stream/report.ts';
export type { Callback, CallbackTarget, IOStreamOptions, StreamEvent } from './stream/options.ts';
export type { Output } from './stream/output.ts';

// Events
export { CONNECTED, EOF, eventNames, IN, OUT, RESOLVED, SENT, type EventMask } from './events.ts';

// Errors
export {
  ECLOSED,
  EDNS,
  EDNSNODATA,
  EDNSNXDOMAIN,
  EFRAMELIMIT,
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
export { fromFh, type Fh } from './wire/fh.ts';
export { stack, type Plugins } from './wire/stack.ts';
export { tcp, type TcpOptions } from './wire/tcp.ts';
export { unix } from './wire/unix.ts';

// Plugins and their tools
export { handshake, type HandshakeOptions } from './plugins/handshake.ts';
export { mapBytes } from './plugins/map-bytes.ts';
export { passthrough } from './plugins/passthrough.ts';
export { transform, type Transformer, type TransformOptions } from './plugins/transform.ts';
export type { Link, Need } from './protocol/link.ts';

// Signals
export type {
  ConnectedSignal,
  DataSignal,
  Dial,
  EndSignal,
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
