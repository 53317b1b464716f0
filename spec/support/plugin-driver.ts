import { Subject, type Subscription } from 'rxjs';
import { testDial } from '../../src/testing/test-dial.ts';
import type { Dial, Flow, Plugin, Up } from '../../src/wire/signal.ts';
import { ScriptedWire, type State } from './scripted-wire.ts';

/** Drives a plugin from both sides: as the application above it, and as the {@link ScriptedWire} below it. */
export class PluginDriver {
  readonly wire = new ScriptedWire();
  readonly app = new Subject<Flow>();
  /** The inbound signals so far. */
  readonly up: Up[] = [];
  state: State = 'open';
  error: unknown;
  readonly #subscription: Subscription;

  /** @param seen called with each inbound signal, after it was recorded. */
  constructor(plugin: Plugin, { dial = testDial(), seen }: { dial?: Dial; seen?: (signal: Up, driver: PluginDriver) => void } = {}) {
    this.#subscription = this.app.pipe(plugin(this.wire.wire)(dial)).subscribe({
      next: (signal) => {
        this.up.push(signal);
        seen?.(signal, this);
      },
      error: (error: unknown) => {
        this.state = 'error';
        this.error = error;
      },
      complete: () => {
        this.state = 'complete';
      },
    });
  }

  unsubscribe(): void {
    this.state = 'unsubscribed';
    this.#subscription.unsubscribe();
  }
}
