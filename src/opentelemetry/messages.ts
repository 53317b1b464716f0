import type { DiagnosticsMessages } from '../diagnostics/messages.ts';

/** The messages of the channels of connections, by their short names. */
export type DialMessage = DiagnosticsMessages['connection:dial'];
export type ResolvedMessage = DiagnosticsMessages['connection:resolved'];
export type AttemptMessage = DiagnosticsMessages['connection:attempt'];
export type HandshakeMessage = DiagnosticsMessages['connection:handshake'];
export type ConnectedMessage = DiagnosticsMessages['connection:connected'];
export type ErrorMessage = DiagnosticsMessages['connection:error'];
export type ClosedMessage = DiagnosticsMessages['connection:closed'];
export type DropMessage = DiagnosticsMessages['server:drop'];
