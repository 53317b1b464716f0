import type { AddressInfo } from 'node:net';
import type { DrainReport } from './drain.ts';

/** What each message about a server carries. */
export interface ServerMessage<Server> {
  /** The server, as `listen` emits it. */
  readonly server: Server;
}

/** The diagnostics of servers. */
export interface ServerMessages<Server, Stream> {
  /** The server accepts connections at `address`. */
  'server:listening': ServerMessage<Server> & { readonly address: AddressInfo | string };
  /** A connection was accepted: its stream exists, and its handshakes follow. */
  'server:accept': ServerMessage<Server> & {
    /** The number of the connection, as in its other messages. */
    readonly id: number;
    readonly stream: Stream;
    readonly remoteAddress: string | undefined;
    readonly remotePort: number | undefined;
  };
  /** A connection was dropped. */
  'server:drop': ServerMessage<Server> & {
    /** `maxConnections`, or the rule of `admit` that refuses it: `deny`, `perAddress` … */
    readonly rule: string;
    /** Number of connections that this server has dropped. */
    readonly count: number;
    /** Undefined if it is not known. */
    readonly remoteAddress: string | undefined;
    readonly remotePort: number | undefined;
  };
  /** A drain has ended. */
  'server:drain': ServerMessage<Server> & { readonly report: DrainReport };
  /** The server has stopped listening. Its connections may still be closing. */
  'server:closed': ServerMessage<Server>;
}
