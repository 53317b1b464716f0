import { asyncScheduler } from 'rxjs';
import type { Dial } from '../../../wire/signal.ts';
import { testDial } from '../../test-dial.ts';
import { Clock } from '../clock.ts';
import type { PluginRunOptions, PluginSetup } from './plugin-setup.ts';

/** The dials of one run, and their clocks: the plugin and its peer do not share one. */
export class Dials {
  readonly clock: Clock = new Clock();
  readonly #peerClock = new Clock();
  readonly #setup: PluginSetup;
  readonly #options: PluginRunOptions;

  constructor(setup: PluginSetup, options: PluginRunOptions) {
    this.#setup = setup;
    this.#options = options;
  }

  ofPlugin(): Dial {
    const { timeouts, deadline } = this.#options;
    const scheduler = this.#isVirtual ? this.clock : asyncScheduler;
    return testDial({ to: this.#setup.to, layer: 'plugin', timeouts, deadline, scheduler });
  }

  ofPeer(): Dial {
    return testDial({ to: this.#setup.to, layer: 'peer', scheduler: this.#isVirtual ? this.#peerClock : asyncScheduler });
  }

  /** Advances virtual time; does nothing in real time. */
  advance(ms: number): void {
    if (!this.#isVirtual) return;
    this.clock.advance(ms);
    this.#peerClock.advance(ms);
  }

  get #isVirtual(): boolean {
    return this.#setup.time === 'virtual';
  }
}
