import { defer, type OperatorFunction } from 'rxjs';
import type { Flow, Up, Wire } from '../../../wire/signal.ts';
import { memoryPair } from '../../memory/memory-pair.ts';
import { Endpoint } from '../endpoint.ts';
import type { Dials } from './dials.ts';
import type { PluginRunOptions, PluginSetup } from './plugin-setup.ts';
import { Rechunker } from './rechunker.ts';

/** The two ends of a connection. */
export interface Connection {
  readonly app: Endpoint;
  readonly far: Endpoint;
}

/** A plugin that was dialled once: its operator serves several connections. */
export class SharedOperator {
  readonly #operator: OperatorFunction<Flow, Up>;
  readonly #connections: Connection[] = [];

  constructor({ plugin, peer }: PluginSetup, options: PluginRunOptions, dials: Dials) {
    const below: Wire = (dial) => (flow$) =>
      defer(() => {
        const [a, b] = memoryPair();
        this.#connections.at(-1)?.far.dial(peer(new Rechunker(options).plugin(b)), dials.ofPeer());
        return flow$.pipe(a(dial));
      });
    this.#operator = plugin(below)(dials.ofPlugin());
  }

  /** Subscribes to the operator. */
  connect(connection: Connection = { app: new Endpoint(), far: new Endpoint() }): Connection {
    this.#connections.push(connection);
    connection.app.subscribe(this.#operator);
    return connection;
  }

  free(): void {
    for (const { app, far } of this.#connections) for (const end of [app, far]) end.unsubscribe();
  }
}
