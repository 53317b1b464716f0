import type { Observer } from 'rxjs';
import { testDial } from '../../src/testing/test-dial.ts';
import { connectTo, direct, type DirectConnection, type FlowSource } from '../../src/wire/direct.ts';
import type { Flow, Plugin, Up, Wire } from '../../src/wire/signal.ts';
import type { State } from './scripted-wire.ts';

/** Drives a plugin from both sides as `PluginDriver` does, but connects to it without Observables. */
export class DirectDriver {
  readonly wire = new ScriptedConnection();
  readonly app: DirectConnection;
  /** The inbound signals so far. */
  readonly up: Up[] = [];
  state: State = 'open';
  error: unknown;

  constructor(plugin: Plugin) {
    this.app = connectTo(plugin(this.wire.wire)(testDial()), {
      next: (signal) => this.up.push(signal),
      error: (error: unknown) => {
        this.state = 'error';
        this.error = error;
      },
      complete: () => {
        this.state = 'complete';
      },
    });
    this.app.start();
  }

  unsubscribe(): void {
    this.state = 'unsubscribed';
    this.app.unsubscribe();
  }
}

/** A direct wire that a spec controls, with the methods of `ScriptedWire`. Emits inbound signals also after its end. */
class ScriptedConnection {
  /** The outbound signals so far. */
  readonly down: Flow[] = [];
  /** The state of Flow. */
  flow: State = 'open';
  starts = 0;
  freed = false;
  #up: Observer<Up> | undefined;

  readonly wire: Wire = () =>
    direct((up) => {
      this.#up = up;
      return this.#outbound;
    });

  readonly #outbound: DirectConnection = {
    start: (source?: FlowSource) => {
      this.starts += 1;
      source?.subscribe();
    },
    next: (signal) => {
      if (!this.freed) this.down.push(signal);
    },
    error: (reason: unknown) => {
      this.flow = 'error';
      this.fail(reason);
    },
    complete: () => {
      this.flow = 'complete';
    },
    unsubscribe: () => {
      this.freed = true;
      if (this.flow === 'open') this.flow = 'unsubscribed';
    },
  };

  emit(...signals: readonly Up[]): void {
    for (const signal of signals) this.#up?.next(signal);
  }

  connect(): void {
    this.emit({ kind: 'connected', details: [{ wire: 'scripted' }] });
  }

  complete(): void {
    this.#up?.complete();
  }

  fail(error: unknown): void {
    this.#up?.error(error);
  }
}
