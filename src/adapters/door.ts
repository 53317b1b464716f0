import type { Observable } from 'rxjs';
import { relay } from '../relay/relay.ts';
import { checkStreamOptions } from '../stream/check-stream-options.ts';
import { connect } from '../stream/connect.ts';
import type { IOStreamOptions } from '../stream/io-stream.ts';
import { listen } from '../stream/listen.ts';
import { nextTurn } from '../util/next-turn.ts';
import { ownOptions } from '../util/own-options.ts';

/** The options of a {@link Door}. */
export interface DoorOptions {
  /** The port to listen on; 0 = any free one. @default 0 */
  readonly port?: number | undefined;
  /** Maximum number of connections at the same time, at least 1. Further ones are dropped. @default 100 */
  readonly maxConnections?: number | undefined;
}

/**
 * A port of 127.0.0.1 that leads to the target of a {@link Dialer}. Every program and every user of this machine can connect to it. It
 * keeps the process alive until it is closed.
 */
export interface Door {
  /** The address to connect to: `'127.0.0.1'`. */
  readonly host: string;
  /** The port to connect to. */
  readonly port: number;
  /**
   * Emits the error of each connection that could not be opened, or was broken. Its client was reset. Hot; completes on `close()`.
   * Errors without a subscriber go to `config.onUnhandledError` of RxJS, if you have set it.
   */
  readonly errors$: Observable<unknown>;
  /** Stops listening, and resets the connections. Resolves when the port is free. */
  readonly close: () => Promise<void>;
  /** Calls `close()`. */
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** Default of `maxConnections`. With both directions of both sides full, 100 connections hold about 50 MiB. */
const MAX_CONNECTIONS = 100;
const HOST = '127.0.0.1';

/** Listens, and relays each connection to the target. Rejects for wrong options, and if it cannot listen. */
export async function openDoor(target: IOStreamOptions, door: DoorOptions = {}): Promise<Door> {
  const { port: wanted = 0, maxConnections = MAX_CONNECTIONS } = ownOptions(door, 'door', ['port', 'maxConnections']);
  const to = { ...checkStreamOptions(target), allowHalfOpen: true };
  const options = { host: HOST, port: wanted, maxConnections, allowHalfOpen: true, scheduler: to.scheduler };
  return new Promise((resolve, reject) => {
    // A failed dial errors the handler: the accepted connection is reset, and `errors$` emits why.
    const serving = listen(options, (io) => connect(to, (far) => relay(io, far))).subscribe({
      next({ address, errors$ }) {
        const close = async (): Promise<void> => {
          serving.unsubscribe();
          await new Promise<void>((closed) => nextTurn(closed));
        };
        const { port } = address as { port: number };
        resolve({ host: HOST, port, errors$, close, [Symbol.asyncDispose]: close });
      },
      error: reject,
    });
  });
}
