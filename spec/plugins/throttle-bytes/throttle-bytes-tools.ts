import { throttleBytes, type ThrottleBytesOptions } from '../../../src/plugins/throttle-bytes/throttle-bytes.ts';
import { Clock } from '../../../src/testing/rules/clock.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import type { Plugin } from '../../../src/wire/signal.ts';
import { data, textOf } from '../../support/signal-text.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';

/** A connection through the plugin, connected, on a clock of its own. */
export function drive(plugin: Plugin | ThrottleBytesOptions, clock = new Clock(), timeouts = {}): { driver: PluginDriver; clock: Clock } {
  const made = typeof plugin === 'function' ? plugin : throttleBytes(plugin);
  const driver = new PluginDriver(made, { dial: testDial({ scheduler: clock, timeouts, layer: 'slow' }) });
  driver.wire.connect();
  return { driver, clock };
}

export const bytes = (count: number): ReturnType<typeof data> => data('x'.repeat(count));
export const down = ({ wire }: PluginDriver): number => textOf(wire.down).length;
export const up = ({ up }: PluginDriver): number => textOf(up).length;
