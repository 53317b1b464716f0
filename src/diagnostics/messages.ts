import type { Mux } from '../mux/mux.ts';
import type { MuxMessages } from '../mux/mux-messages.ts';
import type { NatsConnection } from '../nats/nats-connection.ts';
import type { NatsMessages } from '../nats/nats-messages.ts';
import type { PoolMessages } from '../pool/pool-messages.ts';
import type { Pool } from '../pool/pool-types.ts';
import type { PersistentMessages } from '../reconnect/persistent-messages.ts';
import type { Persistent } from '../reconnect/persistent-types.ts';
import type { ConnectionMessages } from '../stream/connection-messages.ts';
import type { IOStream } from '../stream/io-stream.ts';
import type { Server } from '../stream/server.ts';
import type { ServerMessages } from '../stream/server-messages.ts';

/**
 * The type of the messages of each diagnostics channel. `DiagnosticsMessages['connection:closed']` is the type of the messages of
 * `rxjs-io-stream:connection:closed`.
 */
export interface DiagnosticsMessages
  extends
    ConnectionMessages<IOStream>,
    ServerMessages<Server, IOStream>,
    PoolMessages<Pool<never, never>>,
    PersistentMessages<Persistent>,
    MuxMessages<Mux>,
    NatsMessages<NatsConnection> {}
