// What runs everywhere, with the files for Node: bytes are `Buffer`
export * from './web.ts';

// Streams
export { distribute, type DistributeOptions } from './stream/distribute.ts';
export { listen } from './stream/listen.ts';
export type { ListenOptions } from './stream/listen-options.ts';
export type { AdmitRules } from './layers/admit-rules.ts';
export { openTls, startTls, type StartTlsOptions } from './stream/start-tls.ts';
export type { Secured } from './stream/secured.ts';
export type { Server } from './stream/server.ts';

// Wires
export { fromFh } from './wire/fh/fh.ts';
export { publicOnly } from './stream/public-only.ts';
export { tcp } from './wire/tcp.ts';
export type { TcpOptions } from './wire/tcp-options.ts';
export { unix } from './wire/unix.ts';

// Plugins
export { proxyFromEnv, type Environment } from './plugins/composed/proxy-from-env.ts';
export { proxyFromUrl, type ProxyFromUrlOptions, type ProxyPlugins } from './plugins/composed/proxy-from-url.ts';
export { tlsClient, type TlsClientOptions } from './plugins/tls/tls-client.ts';
export type { ContextSource, TlsFacts, TlsOptions, TlsPeer, TlsSessionCache } from './plugins/tls/tls-options.ts';
export { tlsServer, type TlsServerOptions } from './plugins/tls/tls-server.ts';

// Adapters for other APIs
export { agent, type AgentOptions } from './adapters/agent.ts';
export type { DialArguments, DialTarget } from './adapters/dial-target.ts';
export { dialer, type Dialer, type DialerOptions, type DialerSocket } from './adapters/dialer.ts';
export type { Door, DoorOptions } from './adapters/door.ts';
export type { SocketDuplex } from './adapters/socket-duplex.ts';
export { toDuplex } from './adapters/to-duplex.ts';
export type { UndiciConnector, UndiciConnectOptions } from './adapters/undici-connector.ts';

// Diagnostics
export { diagnostics } from './diagnostics/diagnostics.ts';
export type { DiagnosticsMessages } from './diagnostics/messages.ts';
export type { ConnectionMessage, ConnectionMessages } from './stream/connection-messages.ts';
export type { MuxMessage, MuxMessages } from './mux/mux-messages.ts';
export type { NatsMessages } from './nats/nats-messages.ts';
export type { PersistentMessages } from './reconnect/persistent-messages.ts';
export type { PoolMessage, PoolMessages } from './pool/pool-messages.ts';
export type { ServerMessage, ServerMessages } from './stream/server-messages.ts';
export type { RecordedSignal } from './wire/recorded-signal.ts';
